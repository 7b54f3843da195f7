"""Scores the candidates for a part's bar, so that the best one can be chosen.

score = LIKELIHOOD × mean log-probability of a choice, in nats, under the model itself (no temperature, no pushes)
        + CHORD × share of the notes' time inside the chord at their onset, of which ENOUGH counts as the whole
        − CLASH × share of the notes that sound a semitone, or an octave and one, from another part's note
        − AGAIN × share of the notes that the bar before had at the same place

The weights state the worth of each term in nats per choice. A rest has no notes. It gets the full CHORD term and 0 for the other
two, so its harmony counts the same as that of a bar which keeps to the chords. A line may pass through notes outside the chord, so
more than ENOUGH is worth no more. Where no chord is known, the pitch classes that the other parts sound in the bar and the one before
stand for it. This module is pure and knows bars and chords.
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
ENOUGH = 0.85  # a walking bass by rule has 77 to 81 % of its notes in the chord
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
        return (
            LIKELIHOOD * self.likelihood
            + CHORD * min(1.0, self.in_chord / ENOUGH)
            - CLASH * self.clashing
            - AGAIN * self.again
        )


def score(
    notes: Sequence[Note],
    likelihood: float,
    resolution: int,
    chords: Sequence[ChordSpan] | None,
    others: Iterable[Bar],
    before: Bar | None,
    around: frozenset[int] = frozenset(),
) -> Score:
    """The score of one candidate.

    notes: the bar's notes, at `resolution` ticks per quarter. likelihood: nats per choice. chords: None if unknown; the pitch
    classes `around` (0-11) then count as inside, and every note where these are unknown, too. others: the same bar of the other
    melodic parts. before: the part's previous bar, if known.
    """
    return Score(
        likelihood,
        _in_chord(notes, chords, resolution) if chords is not None else _among(notes, around),
        _clashing(notes, others),
        _again(notes, before),
    )


def _among(notes: Sequence[Note], pitch_classes: frozenset[int]) -> float:
    total = sum(note.duration_ticks for note in notes)
    if not pitch_classes or not total:
        return 1.0
    return sum(note.duration_ticks for note in notes if note.pitch % 12 in pitch_classes) / total


def _in_chord(notes: Sequence[Note], chords: Sequence[ChordSpan], resolution: int) -> float:
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
