"""Measures how similar two bars are, and how well a bar fits the music around it. Pure functions on bars; results are 0..1.

None means that the measure does not apply (a rest, a drum's pitch); averages leave it out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from companion.music import Bar

GRID_PER_BEAT = 12  # the models' onset grid
GROOVE_PER_BEAT = 4  # groove is compared in sixteenths, as in MusPy's groove consistency

Roll = npt.NDArray[np.bool_]


def onset_positions(bar: Bar, resolution: int, per_beat: int = GRID_PER_BEAT) -> set[int]:
    """The onsets of a bar on a grid of `per_beat` cells per quarter note, each moved to the nearest cell."""
    return {round(note.onset_ticks * per_beat / resolution) for note in bar.notes}


def onset_f1(bar: Bar, truth: Bar, resolution: int) -> float:
    """F1 of the sets of onset positions; two rests agree perfectly."""
    ours, theirs = onset_positions(bar, resolution), onset_positions(truth, resolution)
    if not ours and not theirs:
        return 1.0
    return 2 * len(ours & theirs) / (len(ours) + len(theirs))


def pitch_classes(bars: Iterable[Bar]) -> set[int]:
    """The pitch classes that sound in these bars."""
    return {note.pitch % 12 for bar in bars for note in bar.notes}


def pitch_class_overlap(bar: Bar, sounding: Iterable[Bar]) -> float | None:
    """The share of a bar's notes whose pitch class also sounds in the melodic bars beside it."""
    around = pitch_classes(sounding)
    if not bar.notes or not around:
        return None
    return sum(note.pitch % 12 in around for note in bar.notes) / len(bar.notes)


def groove(bar: Bar, resolution: int) -> Roll:
    """Which sixteenths of the bar have an onset."""
    cells = max(1, round(float(bar.time_signature.beats) * GROOVE_PER_BEAT))
    roll = np.zeros(cells, dtype=bool)
    for position in onset_positions(bar, resolution, GROOVE_PER_BEAT):
        roll[min(position, cells - 1)] = True
    return roll


def groove_similarity(bar: Bar, context: Sequence[Bar], resolution: int) -> float | None:
    """1 − the mean Hamming distance of the onset patterns to those of the context's sounding bars of equal length."""
    mine = groove(bar, resolution)
    others = [roll for other in context if other.notes and len(roll := groove(other, resolution)) == len(mine)]
    if not others:
        return None
    return float(np.mean([1 - np.mean(mine ^ other) for other in others]))


def density_match(bar: Bar, truth: Bar) -> float:
    """The smaller note count over the larger; two rests match."""
    low, high = sorted((len(bar.notes), len(truth.notes)))
    return low / high if high else 1.0


def note_steps(bars: Iterable[Bar], resolution: int) -> list[tuple[int, int]]:
    """(time since the last note in 1/12 beats, interval in semitones) of a track's notes in order.

    A transposed copy has equal steps. Bars are laid end to end.
    """
    notes: list[tuple[int, int]] = []
    start = 0
    for bar in bars:
        notes += sorted(
            (start + round(note.onset_ticks * GRID_PER_BEAT / resolution), note.pitch) for note in bar.notes
        )
        start += bar.length_ticks(GRID_PER_BEAT)
    return [(after[0] - before[0], after[1] - before[1]) for before, after in pairwise(notes)]
