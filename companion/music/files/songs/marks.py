"""What the meta events of a MIDI file say about the whole song: tempos, meters, markers, and the names of its tracks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from companion.music.files.events import (
    INSTRUMENT_NAME,
    MARKER,
    META,
    METER,
    TEMPO,
    TRACK_NAME,
    FileTrack,
    MidiFile,
    meta_body,
    meta_text,
)
from companion.music.files.faults import Faults
from companion.music.files.songs.bars import Mark, is_possible

MAX_MARKS = 50_000  # tempos, meters, markers: more than one a bar of the longest file each
_SMALLEST_METER = 6  # as a power of two: 64ths


@dataclass(slots=True)
class Marks:
    """The contents of the meta events of all tracks."""

    tempos: list[tuple[int, int]] = field(default_factory=list)
    meters: list[Mark] = field(default_factory=list)
    markers: list[tuple[int, str]] = field(default_factory=list)
    names: list[str] = field(default_factory=list)


def read_marks(file: MidiFile, tracks: Sequence[FileTrack], offsets: Sequence[int], faults: Faults) -> Marks:
    """The marks of a file. tracks: with their ticks moved by `offsets`. faults: is told what was ignored."""
    marks = Marks()
    for number, track in enumerate(tracks):
        faults.place = f"track {number + 1}"
        names: dict[int, str] = {}
        if file.format == 2 and not any(
            data[0] == META and data[1] == METER and tick == offsets[number] for tick, data in track.events
        ):
            marks.meters.append((offsets[number], 4, 4))
        for tick, data in track.events:
            if data[0] != META:
                continue
            kind = data[1]
            if kind == TEMPO:
                _add_tempo(marks, tick, meta_body(data), faults)
            elif kind == METER:
                _add_meter(marks, tick, meta_body(data), faults)
            elif kind == MARKER and len(marks.markers) < MAX_MARKS:
                marks.markers.append((tick, meta_text(data)))
            elif kind in (TRACK_NAME, INSTRUMENT_NAME) and not names.get(kind):
                names[kind] = meta_text(data)
        marks.names.append(names.get(TRACK_NAME) or names.get(INSTRUMENT_NAME, ""))
    faults.place = ""
    marks.tempos.sort(key=lambda mark: mark[0])
    marks.meters.sort(key=lambda mark: mark[0])
    marks.markers.sort()
    return marks


def _add_tempo(marks: Marks, tick: int, body: bytes, faults: Faults) -> None:
    if len(body) != 3 or not any(body):
        faults.add("impossible tempos are ignored")
        return
    if len(marks.tempos) >= MAX_MARKS:
        faults.add(f"tempos behind the first {MAX_MARKS} are ignored")
        return
    marks.tempos.append((tick, int.from_bytes(body, "big")))


def _add_meter(marks: Marks, tick: int, body: bytes, faults: Faults) -> None:
    if len(body) < 2 or body[0] == 0 or body[1] > _SMALLEST_METER:
        faults.add("impossible meters are ignored")
        return
    if len(marks.meters) >= MAX_MARKS:
        faults.add(f"meters behind the first {MAX_MARKS} are ignored")
        return
    marks.meters.append((tick, body[0], 1 << body[1]))


def possible_meters(meters: list[Mark], per_quarter: Fraction, faults: Faults) -> list[Mark]:
    """Those meters whose bars last at least a tick. per_quarter: ticks a quarter note."""
    possible = [mark for mark in meters if is_possible(mark, per_quarter)]
    if len(possible) < len(meters):
        faults.add("meters with bars shorter than one tick are ignored")
    return possible
