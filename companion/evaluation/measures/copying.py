"""Measures copying: the longest run of notes that generated music shares with the training music, ignoring transposition.

A run is a sequence of (time step, interval) pairs within one track. The same is measured for the held-out true bars, because
music repeats itself. A companion that shares no longer runs than real players do does not copy.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from companion.evaluation.measures.bars import note_steps
from companion.music import Bar
from companion.training.music.corpus import Corpus

SEED_STEPS = 4  # shorter runs occur everywhere
MAX_RUN = 32
Step = tuple[int, int]


class RunIndex:
    """Every run of SEED_STEPS..MAX_RUN steps (in powers of two and in between) that the training music holds."""

    LENGTHS = (4, 6, 8, 10, 12, 16, 20, 24, 32)

    def __init__(self) -> None:
        self._seen: dict[int, set[int]] = {length: set() for length in self.LENGTHS}

    def add(self, bars: Iterable[Bar], resolution: int) -> None:
        """Index one track."""
        steps = note_steps(bars, resolution)
        for length, seen in self._seen.items():
            seen.update(hash(tuple(steps[i : i + length])) for i in range(len(steps) - length + 1))

    def longest(self, bars: Iterable[Bar], resolution: int) -> int:
        """Steps of the longest indexed run in this music; 0 when even the shortest is new."""
        steps = note_steps(bars, resolution)
        best = 0
        for length, seen in self._seen.items():
            if not any(hash(tuple(steps[i : i + length])) in seen for i in range(len(steps) - length + 1)):
                break
            best = length
        return best


def index_corpus(corpus: Corpus) -> RunIndex:
    """All melodic tracks of the training songs given."""
    index = RunIndex()
    for song in corpus.songs:
        melodic = [track for track in range(len(song.programs)) if not song.drums[track]]
        for track in song.window(0, song.bar_count, melodic).tracks:
            index.add(track.bars, 480)
    return index


def summary(index: RunIndex, passages: Sequence[Sequence[Bar]], resolution: int) -> dict[str, float]:
    """Mean and largest of the longest shared runs, in steps (a run of n steps is n + 1 notes)."""
    runs = [index.longest(bars, resolution) for bars in passages]
    return {"mean": float(np.mean(runs)) if runs else 0.0, "max": float(max(runs, default=0)), "passages": len(runs)}
