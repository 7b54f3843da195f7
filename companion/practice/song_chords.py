"""The chords of a song file: its own chord markers, or else chords recognised from all its pitched parts."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import replace

from companion.harmony.recognition import recognise_song
from companion.harmony.symbols import is_no_chord, parse_chord
from companion.music import Note, TimeSignature
from companion.music.song import FileSong
from companion.session.api.settings import Song

Marks = tuple[tuple[int, float, str], ...]  # bar, beat in quarter notes, symbol

_FEWEST_MARKERS = 4
_SHARE_OF_CHORDS = 0.8  # of all markers, from which they are taken for chords and not for sections


def with_chords(song: Song, file_song: FileSong) -> Song:
    """The song with its chords. A song without pitched notes and markers has none."""
    if marks := marked_chords(file_song):
        sections = tuple((bar, name) for bar, name in song.sections if not _is_chord(name))
        return replace(song, chords=marks, sections=sections)
    if marks := heard_chords(song):
        return replace(song, chords=marks, chords_heard=True)
    return song


def marked_chords(file_song: FileSong) -> Marks:
    """The file's markers if nearly all of them are chord symbols, else ()."""
    markers = [(tick, text.strip()) for tick, text in file_song.markers if text.strip()]
    chords = [(tick, text) for tick, text in markers if _is_chord(text)]
    letters_alone = all(len(text) == 1 for _, text in chords)  # A, B, C: sections
    if letters_alone or len(chords) < max(_FEWEST_MARKERS, _SHARE_OF_CHORDS * len(markers)):
        return ()
    starts, resolution = file_song.bar_starts, file_song.score.resolution
    marks: list[tuple[int, float, str]] = []
    for tick, text in chords:
        bar = min(bisect_right(starts, tick), len(starts) - 1) - 1
        if bar >= 0:
            marks.append((bar, (tick - starts[bar]) / resolution, text))
    return tuple(marks)


def heard_chords(song: Song) -> Marks:
    """The chords recognised from all parts except the drums, with a mark at each change."""
    tracks = [track for track in song.score.tracks if not track.is_drum]
    if not tracks:
        return ()
    bars = [
        (
            tuple(note for track in tracks if index < len(track.bars) for note in track.bars[index].notes),
            tracks[0].bars[index].time_signature,
        )
        for index in range(len(tracks[0].bars))
    ]
    return tuple(_changes(bars, song.score.resolution))


def _changes(bars: Sequence[tuple[tuple[Note, ...], TimeSignature]], resolution: int) -> list[tuple[int, float, str]]:
    marks: list[tuple[int, float, str]] = []
    for bar, spans in enumerate(recognise_song(bars, resolution)):
        for span in spans:
            if span.chord is not None and (not marks or marks[-1][2] != span.chord.text):
                marks.append((bar, span.beat, span.chord.text))
    return marks


def _is_chord(text: str) -> bool:
    if is_no_chord(text):
        return True
    try:
        parse_chord(text)
    except ValueError:
        return False
    return True
