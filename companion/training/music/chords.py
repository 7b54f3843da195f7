"""The chords of training songs: read from `chords.jsonl` beside a set's MIDI files, kept as arrays beside the notes.

One line a song: {"file": …, "chords": [[[beat, symbol], …] for each bar], "feel": …}, beats in quarter notes from the bar line.
Symbols that cannot be parsed count as no chord.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from companion.charts.chart import Chart, ChartBar, ChartChord
from companion.charts.spans import chart_spans
from companion.errors import TrainingError
from companion.harmony.guide import GUIDE_RESOLUTION, guide_bars
from companion.harmony.spans import ChordSpan
from companion.harmony.symbols import ChordSymbol, is_no_chord, parse_chord
from companion.music import TimeSignature

CHORDS_NAME = "chords.jsonl"
Marks = Sequence[Sequence[Sequence[Any]]]  # of each bar: [beat, symbol], …
CHORD_COLUMNS = 5
_AT_THE_END = 0.05  # beats: a mark this close to the end of a bar belongs to the next bar, which has its own
_FINEST_BEAT = 12


def read_chords(folder: Path) -> dict[str, Marks]:
    """File name → chord marks of each bar, for every song of a set; empty without chords. Raises TrainingError if broken."""
    path = folder / CHORDS_NAME
    if not path.is_file():
        return {}
    found: dict[str, Marks] = {}
    try:
        with path.open(encoding="utf-8") as stream:
            for line in stream:
                row = json.loads(line)
                found[str(row["file"])] = row["chords"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TrainingError(f"{path}: not a list of chords, one JSON object a line ({error})") from None
    return found


def song_spans(marks: Marks, meters: Sequence[TimeSignature]) -> list[tuple[ChordSpan, ...]]:
    """The chords of each bar of a song. In bars without marks the last chord continues."""
    bars = []
    for number, meter in enumerate(meters):
        given = marks[number] if number < len(marks) else ()
        inside = [(beat, symbol) for beat, symbol in given if beat < float(meter.beats) - _AT_THE_END]
        chords = tuple(
            ChartChord(Fraction(beat).limit_denominator(_FINEST_BEAT), symbol, _chord(symbol))
            for beat, symbol in inside
        )
        bars.append(ChartBar(chords, meter, number + 1, number + 1))
    return list(chart_spans(Chart(tuple(bars))))


def _chord(symbol: str) -> ChordSymbol | None:
    if is_no_chord(symbol) or symbol == "z":
        return None
    try:
        return parse_chord(symbol)
    except ValueError:
        return None


def guide_arrays(bars: Sequence[Sequence[ChordSpan]]) -> tuple[NDArray[np.uint16], NDArray[np.uint32]]:
    """The chord guide of a song.

    notes (N, 4): onset, duration (ticks at 480), pitch, velocity. cells (bars + 1,): the index in notes where each bar begins.
    """
    guides = guide_bars(bars)
    rows = [(note.onset_ticks, note.duration_ticks, note.pitch, note.velocity) for bar in guides for note in bar]
    cells = np.concatenate(([0], np.cumsum([len(bar) for bar in guides])))
    return np.array(rows, dtype=np.uint16).reshape(-1, 4), cells.astype(np.uint32)


def chord_rows(bars: Sequence[Sequence[ChordSpan]]) -> NDArray[np.uint16]:
    """(N, 5): bar, onset and duration in ticks at 480, the chord's pitch classes as bits (0 = no chord), 12 · root + bass."""
    rows = [
        (
            number,
            round(span.beat * GUIDE_RESOLUTION),
            max(0, round(span.beats * GUIDE_RESOLUTION)),
            pitch_class_bits(span.chord),
            0 if span.chord is None else 12 * span.chord.root + span.chord.bass,
        )
        for number, bar in enumerate(bars)
        for span in bar
    ]
    return np.array(rows, dtype=np.uint16).reshape(-1, CHORD_COLUMNS)


def spans_of_rows(rows: NDArray[np.uint16], start: int, bars: int) -> tuple[tuple[ChordSpan, ...], ...]:
    """The chords of these bars, from `chord_rows`. They have no names, and their intervals lie within an octave."""
    found: list[list[ChordSpan]] = [[] for _ in range(bars)]
    for bar, onset, duration, bits, place in rows.tolist():
        if start <= bar < start + bars:
            root, bass = divmod(place, 12)
            intervals = tuple(step for step in range(12) if bits >> (root + step) % 12 & 1)
            chord = ChordSymbol("", root, bass, intervals) if bits else None
            found[bar - start].append(ChordSpan(onset / GUIDE_RESOLUTION, duration / GUIDE_RESOLUTION, chord))
    return tuple(map(tuple, found))


def pitch_class_bits(chord: ChordSymbol | None) -> int:
    """Bit c is set when pitch class c belongs to the chord or is its bass."""
    if chord is None:
        return 0
    classes = {chord.bass, *((chord.root + interval) % 12 for interval in chord.intervals)}
    return sum(1 << pitch_class for pitch_class in classes)
