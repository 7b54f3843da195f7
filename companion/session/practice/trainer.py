"""The rules for changes from pass to pass: the trainer's tempo and the moving key. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from companion.errors import UsageError
from companion.music import Score
from companion.session.api.limits import TEMPO_FACTOR
from companion.session.api.settings import PracticeSettings


@dataclass(frozen=True, slots=True)
class PassSettings:
    """How one pass is played: tempo as a factor of the written one, key in semitones from the written one."""

    tempo_factor: float = 1.0
    transpose: int = 0


def first_pass(practice: PracticeSettings) -> PassSettings:
    """How the first pass is played; UsageError for a tempo or trainer that makes no sense."""
    factor = practice.trainer[0] if practice.trainer else practice.tempo_factor
    for value in (factor, *(practice.trainer or ())[:2]):
        if TEMPO_FACTOR.fault(value):
            raise UsageError(f"tempo {value:.0%}: expected {TEMPO_FACTOR.low:.0%} to {TEMPO_FACTOR.high:.0%}")
    if practice.trainer and practice.trainer[2] * (practice.trainer[1] - practice.trainer[0]) <= 0:
        raise UsageError("trainer: its step has to lead from its first tempo towards its last (like 70:110:+4)")
    return PassSettings(factor, practice.transpose)


def next_pass(last: PassSettings, practice: PracticeSettings, accuracy: float | None = None) -> PassSettings:
    """How the next pass is played, given the accuracy of this one.

    The tempo moves by the trainer's step until its goal, where trainer_needs_accuracy asks for it only after a pass
    that was good enough (a pass without notes to judge is not). The key moves by key_step and comes back by octaves,
    so that it is never more than a tritone from the key set.
    """
    factor = last.tempo_factor
    if practice.trainer and (
        practice.trainer_needs_accuracy <= 0 or (accuracy or 0) >= practice.trainer_needs_accuracy
    ):
        _, goal, step = practice.trainer
        moved = factor + step
        factor = min(moved, goal) if step > 0 else max(moved, goal)
    return PassSettings(
        round(factor, 6), nearest_key(last.transpose + practice.key_step, practice.transpose, practice.key_step)
    )


def nearest_key(transpose: int, home: int, key_step: int) -> int:
    """The same key within a tritone of home; only where keys move by themselves."""
    if key_step == 0:
        return transpose
    return home + (transpose - home + 5) % 12 - 5


def transposition_range(score: Score) -> tuple[int, int]:
    """How far down (≤ 0) and up (≥ 0) the melodic tracks can go without leaving the 128 keys."""
    pitches = [note.pitch for track in score.tracks if not track.is_drum for bar in track.bars for note in bar.notes]
    return (-min(pitches), 127 - max(pitches)) if pitches else (-127, 127)


def check_transposition(score: Score, semitones: int) -> None:
    """UsageError, with what would fit, for a transposition that takes written notes off the keyboard."""
    low, high = transposition_range(score)
    if not low <= semitones <= high:
        raise UsageError(f"transposition by {semitones:+d}: the written notes allow {low:+d} to {high:+d} semitones")
