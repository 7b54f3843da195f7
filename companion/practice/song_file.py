"""A MIDI file to practise with: lists its parts, finds them by name or number, and makes the song for a session.

companion.midi and companion.music read the bytes. What a session does with the song is not known here.
"""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from rich.cells import set_cell_size

from companion.errors import MidiFileError, UsageError
from companion.midi.file import read_song
from companion.music import Bar, Score, TimeSignature, Track
from companion.music.instruments import program_name
from companion.music.song import FileSong, SongSource
from companion.music.text import printable
from companion.music.units import tempo_to_bpm
from companion.practice import musicxml
from companion.practice.song_chords import with_chords
from companion.practice.song_controls import part_controls, song_sysex
from companion.session.api.limits import BPM
from companion.session.api.settings import Song


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the file as a player sees it. number counts from 1; channel 1-16, or None where the file does not say.

    voice: number of the first part of the same track and channel; the file changes from one to the other by program changes.
    """

    number: int
    name: str
    channel: int | None
    program: int
    instrument: str
    is_drum: bool
    notes: int
    bars: int
    lowest: int | None
    highest: int | None
    voice: int = 0


@dataclass(frozen=True, slots=True)
class SongFile:
    """A song with its parts, and remarks on what was unusual about the file (each fit for one line)."""

    song: Song
    parts: tuple[Part, ...]
    remarks: tuple[str, ...] = ()


def load_song(path: str | os.PathLike[str]) -> SongFile:
    """Read a MIDI file or a MusicXML score; MidiFileError or ChartError for what cannot be read or has no notes."""
    if Path(path).suffix.lower() in musicxml.SUFFIXES:
        song = musicxml.read_musicxml(Path(path))
        return SongFile(song, tuple(_parts(song.score)))
    file_song = read_song(path)
    if not any(bar.notes for track in file_song.score.tracks for bar in track.bars):
        raise MidiFileError(f"{path}: has no notes")
    song, uneven = _session_song(file_song, printable(Path(path).stem))
    song = with_chords(song, file_song)
    return SongFile(song, tuple(_parts(song.score, file_song.source)), (*file_song.remarks, *_remarks(song, uneven)))


def find_part(parts: Sequence[Part], wanted: str) -> Part:
    """A part by its number or (part of) its name or instrument; UsageError lists what there is."""
    by_number = [part for part in parts if str(part.number) == wanted.strip()]
    exact = [part for part in parts if wanted.strip().lower() in (part.name.lower(), part.instrument.lower())]
    partly = [part for part in parts if wanted.strip().lower() in f"{part.name}\n{part.instrument}".lower()]
    for found in (by_number, exact, partly):
        if len(found) == 1:
            return found[0]
        if found:
            numbers = ", ".join(f"{part.number} {part.name or part.instrument}" for part in found[:8])
            raise UsageError(f"{wanted!r} could be any of the parts {numbers}: give the number")
    known = ", ".join(f"{part.number} {part.name or part.instrument}" for part in parts[:16])
    raise UsageError(f"no part {wanted!r} (there are: {known}{', …' if len(parts) > 16 else ''})")


def describe(song_file: SongFile) -> list[str]:
    """The parts as a table for a terminal, one line each, after a line about the song."""
    song = song_file.song
    meters = list(dict.fromkeys(str(bar.time_signature) for track in song.score.tracks[:1] for bar in track.bars))
    shown = ", ".join(meters[:4]) + (", …" if len(meters) > 4 else "")
    tempo = f"{song.tempo_changes[0][1]:.4g} BPM" + (" (changes)" if len(song.tempo_changes) > 1 else "")
    lines = [f"{song.title}: {song.score.bar_count} bars, {shown}, {tempo}, {len(song_file.parts)} parts"]
    lines.append(f"{'no':>3}  {'name':<24} {'ch':>2}  {'instrument':<24} {'notes':>6} {'bars':>5}  range")
    for part in song_file.parts:
        pitches = f"{part.lowest}-{part.highest}" if part.lowest is not None else ""
        lines.append(
            f"{part.number:>3}  {set_cell_size(part.name, 24)} {part.channel or '':>2}  {part.instrument[:24]:<24} "
            f"{part.notes:>6} {part.bars:>5}  {pitches}"
        )
    return [*lines, *(f"note: {remark}" for remark in song_file.remarks)]


def _session_song(file_song: FileSong, title: str) -> tuple[Song, int]:
    """The session's song, and how many bars had to be given another meter to keep their length."""
    score = file_song.score
    starts = file_song.bar_starts
    exact: dict[int, TimeSignature] = {}
    for index, bar in enumerate(score.tracks[0].bars if score.tracks else ()):
        length = starts[index + 1] - starts[index]
        if length > 0 and length != bar.length_ticks(score.resolution):
            exact[index] = _meter_of_length(length, score.resolution)
    if exact:
        score = replace(score, tracks=tuple(_with_meters(track, exact) for track in score.tracks))
    song = Song(
        score,
        title,
        tuple((tick / score.resolution, tempo_to_bpm(tempo)) for tick, tempo in _one_a_tick(file_song.tempo_map)),
        _sections(file_song),
    )
    if file_song.source is not None:
        song = replace(song, controls=part_controls(file_song), sysex=song_sysex(file_song.source))
    return song, len(exact)


def _meter_of_length(ticks: int, resolution: int) -> TimeSignature:
    """A meter whose bar has exactly this length (a file may change meter inside a bar), in quarters where that is possible.

    Its denominator may be one that nobody would write, such as 25/48.
    """
    whole_notes = Fraction(ticks, 4 * resolution)
    denominator = 4 if (whole_notes * 4).denominator == 1 else whole_notes.denominator
    return TimeSignature(int(whole_notes * denominator), denominator)


def _with_meters(track: Track, meters: dict[int, TimeSignature]) -> Track:
    bars = (Bar(bar.notes, meters.get(index, bar.time_signature)) for index, bar in enumerate(track.bars))
    return replace(track, bars=tuple(bars))


def _one_a_tick(tempo_map: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Keep the last of several tempos at one tick."""
    return sorted(dict(tempo_map).items())


def _sections(file_song: FileSong) -> tuple[tuple[int, str], ...]:
    """Markers as (bar, name), the first of each bar."""
    named: dict[int, str] = {}
    for tick, text in file_song.markers:
        bar = min(bisect_right(file_song.bar_starts, tick), len(file_song.bar_starts) - 1) - 1
        if text.strip() and bar >= 0:
            named.setdefault(bar, printable(text.strip()[:40]))
    return tuple(sorted(named.items()))


def _parts(score: Score, source: SongSource | None = None) -> list[Part]:
    parts: list[Part] = []
    voices: dict[tuple[int, int], int] = {}
    for number, track in enumerate(score.tracks, 1):
        pitches = [note.pitch for bar in track.bars for note in bar.notes]
        place = source.parts[number - 1] if source else None
        voice = number
        if place is not None and place.channel is not None:
            voice = voices.setdefault((place.track, place.channel), number)
        parts.append(
            Part(
                number=number,
                name=printable(track.name.strip()),
                channel=None if track.channel is None else track.channel + 1,
                program=track.program,
                instrument=program_name(track.program, track.is_drum),
                is_drum=track.is_drum,
                notes=len(pitches),
                bars=sum(bool(bar.notes) for bar in track.bars),
                lowest=min(pitches, default=None),
                highest=max(pitches, default=None),
                voice=voice,
            )
        )
    return parts


def _remarks(song: Song, uneven: int) -> list[str]:
    remarks: list[str] = []
    if uneven:
        remarks.append(f"{uneven} bars are cut short by a change of meter; they keep their length")
    beyond = [bpm for _, bpm in song.tempo_changes if BPM.fault(bpm)]
    if beyond:
        more = f", and {len(beyond) - 1} more like it" if len(beyond) > 1 else ""
        played = f"practice plays {BPM.low:g} to {BPM.high:g}, so {BPM.clamp(beyond[0]):g} there"
        remarks.append(f"a tempo of {beyond[0]:.4g} BPM{more}: {played}")
    melodic = {track.channel for track in song.score.tracks if not track.is_drum}
    if len(song.score.tracks) > 16 and len(melodic) > 0:
        remarks.append(f"{len(song.score.tracks)} parts on 16 channels: parts with the same sound share one")
    return remarks
