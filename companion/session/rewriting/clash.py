"""Judges whether a part clashes with what the player plays in the sounding bar. Pure: it takes notes and chords, and no clock.

A part clashes if, from some place on, most of its notes are outside the chord heard. If no chord had been agreed, a larger share must
be outside, because a line may well pass through notes that are not in the chord. Notes on strong beats count twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from companion.harmony.spans import ChordSpan
from companion.music import Note
from companion.music.units import RESOLUTION

SURE = 0.7  # a chord heard with this confidence counts as certain; a single line seldom reaches it
CLASHES, CLASHES_UNEXPECTED = 0.4, 0.6  # share of a part outside the chord: with another chord expected, with none
STRONG = 2.0  # times as heavy as other notes


def chord_at(spans: Sequence[ChordSpan], beat: float) -> ChordSpan | None:
    """Return the span that contains a beat (quarter notes from the bar line), or None if nothing is known or nothing sounds."""
    found = [span for span in spans if span.beat <= beat + 1e-6]
    return found[-1] if found and found[-1].chord is not None else None


def sure_chord(spans: Sequence[ChordSpan], beat: float) -> ChordSpan | None:
    """Return the chord heard at a beat, if it is certain."""
    span = chord_at(spans, beat)
    return span if span is not None and span.confidence >= SURE else None


def share_outside(notes: Iterable[Note], pitch_classes: frozenset[int], from_ticks: float, end_ticks: float) -> float:
    """Return the share (0 to 1) of the sound between two places of a bar that is outside a chord, 0 if nothing sounds."""
    inside = outside = 0.0
    for note in notes:
        length = min(note.onset_ticks + note.duration_ticks, end_ticks) - max(note.onset_ticks, from_ticks)
        if length <= 0:
            continue
        weight = length * (STRONG if note.onset_ticks % (2 * RESOLUTION) == 0 else 1.0)
        if note.pitch % 12 in pitch_classes:
            inside += weight
        else:
            outside += weight
    return outside / (inside + outside) if outside else 0.0


def clashes(
    notes: Sequence[Note], heard: ChordSpan, agreed: ChordSpan | None, from_ticks: float, end_ticks: float
) -> bool:
    """Whether a part with these notes clashes with the chord heard. agreed: the chord that it was written for, if known."""
    if heard.chord is None:
        return False
    outside = share_outside(notes, heard.chord.pitch_classes, from_ticks, end_ticks)
    if outside >= CLASHES_UNEXPECTED or agreed is None or agreed.chord is None:
        return outside >= CLASHES_UNEXPECTED
    return outside >= CLASHES and outside > share_outside(notes, agreed.chord.pitch_classes, from_ticks, end_ticks)


def lasting(notes: Iterable[Note], now_ticks: float, until_ticks: float) -> list[Note]:
    """Return the notes of a bar in progress. Notes that still sound are taken to last until a later place."""
    found = []
    for note in notes:
        held = note.onset_ticks + note.duration_ticks >= now_ticks - 1
        end = max(until_ticks, note.onset_ticks + 1) if held else note.onset_ticks + note.duration_ticks
        found.append(Note(note.onset_ticks, round(end) - note.onset_ticks, note.pitch, note.velocity, note.delta))
    return found
