"""Writes songs as the bytes of a MIDI file.

A song that was read from a file is written back as that file. Only the notes of changed bars are replaced; every other event
stays as it was. Any other song becomes a format 1 file of a conductor track and one track a part.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from companion.errors import MidiFileError
from companion.music.files.chunks import build, write_file
from companion.music.files.events import MARKER, METER, TEMPO, TRACK_NAME, Event, meta
from companion.music.files.songs.refill import refilled
from companion.music.meter import TimeSignature
from companion.music.score import Score, Track
from companion.music.song import FileSong, score_bar_starts
from companion.music.units import DRUM_CHANNEL

_FINEST_DENOMINATOR = 64


def song_to_bytes(song: FileSong | Score) -> bytes:
    """The bytes of a file; raises MidiFileError for what a file cannot hold.

    The division of a new file is the song's own, else the score's resolution, or a multiple of it where notes have deltas on a grid
    coarser than 480.
    """
    if isinstance(song, Score):
        song = FileSong.of(song)
    if song.source is not None and (file := refilled(song.source, song.score)) is not None:
        return write_file(file)
    return _new_file(song)


def _new_file(song: FileSong) -> bytes:
    score = song.score
    has_deltas = any(note.delta for track in score.tracks for bar in track.bars for note in bar.notes)
    finer = -(-480 // score.resolution) if has_deltas and score.resolution < 480 else 1
    division = song.division or score.resolution * finer
    if not 1 <= division <= 0x7FFF:
        raise MidiFileError(f"a resolution of {division} ticks a quarter does not fit a MIDI file")
    scale = Fraction(division, score.resolution)
    starts = song.bar_starts or tuple(score_bar_starts(score))
    free = [channel for channel in range(16) if channel != DRUM_CHANNEL]
    tracks = [_conductor_events(song, starts, scale)]
    for number, track in enumerate(score.tracks):
        usual = DRUM_CHANNEL if track.is_drum else free[number % len(free)]
        channel = usual if track.channel is None or (track.channel == DRUM_CHANNEL) != track.is_drum else track.channel
        controls = song.controls[number] if number < len(song.controls) else ()
        tracks.append(_part_events(track, channel, controls, starts, scale, score.resolution))
    return build(division, tracks, half_up(starts[-1] * scale) if starts else 0)


def half_up(value: Fraction) -> int:
    """The nearest whole number, halves upwards."""
    return (2 * value.numerator + value.denominator) // (2 * value.denominator)


def _conductor_events(song: FileSong, starts: Sequence[int], scale: Fraction) -> list[Event]:
    events = [(tick, meta(TEMPO, _tempo_bytes(tempo))) for tick, tempo in song.tempo_map]
    events += [(tick, meta(MARKER, text.encode())) for tick, text in song.markers]
    longest = max((track.bars for track in song.score.tracks), key=len, default=())
    expected: tuple[int, TimeSignature] | None = None  # where a bar of the meter in force would end
    for start, bar in zip(starts, longest, strict=False):
        meter = bar.time_signature
        if expected != (start, meter):
            events.append((start, meta(METER, _meter_bytes(meter))))
        expected = (start + bar.length_ticks(song.score.resolution), meter)
    return [(half_up(tick * scale), event) for tick, event in sorted(events, key=lambda event: event[0])]


def _tempo_bytes(tempo: int) -> bytes:
    return min(max(int(tempo), 1), 0xFFFFFF).to_bytes(3, "big")


def _meter_bytes(meter: TimeSignature) -> bytes:
    """A meter as a file can say it; a bar that none fits gets the next longer one, and is cut short by the next mark."""
    power = meter.denominator.bit_length() - 1
    if meter.denominator != 1 << power or meter.denominator > _FINEST_DENOMINATOR:
        whole_notes = Fraction(meter.numerator, meter.denominator)
        meter = TimeSignature(
            max(-(-whole_notes.numerator * _FINEST_DENOMINATOR // whole_notes.denominator), 1), _FINEST_DENOMINATOR
        )
        power = _FINEST_DENOMINATOR.bit_length() - 1
    if meter.numerator > 255:
        raise MidiFileError(f"time signature {meter} does not fit a MIDI file")
    return bytes((meter.numerator, power, 24, 8))  # fmt: skip


def _part_events(
    track: Track,
    channel: int,
    controls: Sequence[tuple[int, bytes]],
    starts: Sequence[int],
    scale: Fraction,
    resolution: int,
) -> list[Event]:
    # (tick, rank, bytes): of the same tick note-offs come first, then controls, then note-ons.
    events: list[tuple[int, int, bytes]] = []
    for start, bar in zip(starts, track.bars, strict=False):
        for note in bar.notes:
            onset = start + note.onset_ticks
            tick = max(half_up(scale * onset + scale * note.delta / resolution), 0)
            end = max(half_up(scale * (onset + note.duration_ticks)), tick + 1)
            key = bytes((min(max(note.pitch, 0), 127),))
            velocity = min(max(note.velocity, 1), 127)
            events.append((tick, 2, bytes((0x90 | channel,)) + key + bytes((velocity,))))
            events.append((end, 0, bytes((0x80 | channel,)) + key + b"\x40"))
    events += [(half_up(scale * tick), 1, bytes((data[0] & 0xF0 | channel,)) + data[1:]) for tick, data in controls]
    head = [(0, meta(TRACK_NAME, track.name.encode()))] if track.name else []
    head.append((0, bytes((0xC0 | channel, min(max(track.program, 0), 127)))))
    return head + [(tick, event) for tick, _, event in sorted(events, key=lambda event: event[:2])]
