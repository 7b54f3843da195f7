"""Scores the candidates for a part's bar, so that the best one can be chosen.

score = LIKELIHOOD × mean log-probability of a choice, in nats, under the model itself (no temperature, no pushes)
        + CHORD × share of the notes' time inside the chord at their onset
        − CLASH × share of the notes that sound a semitone, or an octave and one, from another part's note
        − AGAIN × share of the notes that the bar before had at the same place

The weights state the worth of each term in nats per choice. A rest has no notes. It gets the full CHORD term and 0 for the other
two, so its harmony counts the same as that of a bar which keeps to the chords. This module is pure and knows bars and chords.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from companion.harmony.spans import ChordSpan
from companion.music.score import Bar, Note

LIKELIHOOD = 1.0
CHORD = 1.0
CLASH = 1.5
AGAIN = 0.5
_CLASHING = frozenset({1, 13})  # semitones between two notes that sound together


@dataclass(frozen=True, slots=True)
class Score:
    """likelihood: nats per choice, ≤ 0. in_chord, clashing, again: shares from 0 to 1."""

    likelihood: float
    in_chord: float
    clashing: float
    again: float

    @property
    def total(self) -> float:
        """The sum by which candidates are ranked, in nats per choice; larger is better."""
        return LIKELIHOOD * self.likelihood + CHORD * self.in_chord - CLASH * self.clashing - AGAIN * self.again


def score(
    notes: Sequence[Note],
    likelihood: float,
    resolution: int,
    chords: Sequence[ChordSpan] | None,
    others: Iterable[Bar],
    before: Bar | None,
) -> Score:
    """The score of one candidate.

    notes: the bar's notes, at `resolution` ticks per quarter. likelihood: nats per choice. chords: None if unknown; every note
    then counts as inside. others: the same bar of the other melodic parts. before: the part's previous bar, if known.
    """
    return Score(
        likelihood,
        _in_chord(notes, chords, resolution),
        _clashing(notes, others),
        _again(notes, before),
    )


def _in_chord(notes: Sequence[Note], chords: Sequence[ChordSpan] | None, resolution: int) -> float:
    if chords is None:
        return 1.0
    inside = total = 0
    for note in notes:
        beat = note.onset_ticks / resolution
        sounding = next((span.chord for span in reversed(chords) if span.beat <= beat), None)
        if sounding is not None:
            total += note.duration_ticks
            inside += note.duration_ticks if note.pitch % 12 in sounding.pitch_classes else 0
    return inside / total if total else 1.0


def _clashing(notes: Sequence[Note], others: Iterable[Bar]) -> float:
    against = [note for bar in others for note in bar.notes]
    if not notes:
        return 0.0
    return sum(any(_clash(note, other) for other in against) for note in notes) / len(notes)


def _clash(one: Note, other: Note) -> bool:
    together = (
        one.onset_ticks < other.onset_ticks + other.duration_ticks
        and other.onset_ticks < one.onset_ticks + one.duration_ticks
    )
    return together and abs(one.pitch - other.pitch) in _CLASHING


def _again(notes: Sequence[Note], before: Bar | None) -> float:
    if not notes or before is None:
        return 0.0
    played = {(note.onset_ticks, note.pitch) for note in before.notes}
    return sum((note.onset_ticks, note.pitch) in played for note in notes) / len(notes)
