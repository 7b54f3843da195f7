"""Judges whether a single line contradicts the agreed chord, and which parts clash with it. Pure.

A line seldom says which chord is meant, but it may say that the agreed one is not. It contradicts a chord if it sounds notes that belong
neither to the chord nor to the key for half a beat, or if nearly all of it has been outside the chord for three beats. The limits were
chosen on held-out melodies (docs/rewriting.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

from companion.harmony.key import Key
from companion.harmony.symbols import ChordSymbol
from companion.music import Note
from companion.music.units import RESOLUTION

FOREIGN_BEATS = 0.5  # outside the chord and the key
OUTSIDE_BEATS, OUTSIDE_SHARE = 3.0, 0.8  # outside the chord
TIED_TICKS = RESOLUTION // 8
CLASHES_WITH_LINE = 0.3  # share of a part that is a semitone from the line's notes outside the chord
_MAJOR, _MINOR = (0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 9, 10, 11)


def is_line(notes: Sequence[Note]) -> bool:
    """Whether one note sounds at a time. Notes that are tied a little over the next one count as a line."""
    ordered = sorted(notes, key=lambda note: note.onset_ticks)
    return all(
        one.onset_ticks < next_.onset_ticks and one.onset_ticks + one.duration_ticks <= next_.onset_ticks + TIED_TICKS
        for one, next_ in pairwise(ordered)
    )


def contradicts(notes: Iterable[Note], chord: ChordSymbol, key: Key | None, until_ticks: float) -> bool:
    """Whether a line contradicts a chord. notes: of one bar. until_ticks: notes count up to here."""
    scale = frozenset(range(12)) if key is None else {(key.tonic + step) % 12 for step in _steps(key)}
    foreign = outside = total = 0.0
    for note in notes:
        beats = (min(note.onset_ticks + note.duration_ticks, until_ticks) - note.onset_ticks) / RESOLUTION
        if beats <= 0:
            continue
        total += beats
        if note.pitch % 12 not in chord.pitch_classes:
            outside += beats
            foreign += beats if note.pitch % 12 not in scale else 0.0
    return foreign >= FOREIGN_BEATS or (outside >= OUTSIDE_BEATS and outside >= OUTSIDE_SHARE * total)


def outside(notes: Iterable[Note], chord: ChordSymbol) -> frozenset[int]:
    """The line's pitch classes that are not in the chord."""
    return frozenset(note.pitch % 12 for note in notes) - chord.pitch_classes


def bearable(pitch_classes: frozenset[int]) -> frozenset[int]:
    """The pitch classes that are not a semitone away from these."""
    beside = {(pitch_class + step) % 12 for pitch_class in pitch_classes for step in (-1, 1)}
    return frozenset(range(12)) - beside


def _steps(key: Key) -> tuple[int, ...]:
    return _MINOR if key.minor else _MAJOR
