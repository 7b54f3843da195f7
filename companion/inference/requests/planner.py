"""Plans which bars are generated together, and in which window of the score.

This is pure arithmetic on bar numbers (from 0). A window has model_dim bars. Infill windows are centred on their targets;
autoregressive windows keep as much history as their overlap requires. Source: representation.md C.1 (midigpt 0.4.2).
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Cell = tuple[int, int]  # (track, bar) in the score


@dataclass(frozen=True, slots=True)
class Step:
    """One run of the model: window [start, end) of the score and the cells to generate in it, ascending."""

    start: int
    end: int
    targets: tuple[Cell, ...]
    autoregressive: bool = False

    @property
    def window(self) -> tuple[int, int]:
        """Bars [start, end)."""
        return self.start, self.end


@dataclass(frozen=True, slots=True)
class PlanOptions:
    """model_dim: bars in a window. bars_per_step, tracks_per_step: 0 means as many as fit. See InferenceConfig."""

    model_dim: int
    bars_per_step: int = 1
    tracks_per_step: int = 1
    ar_overlap: float = 0.5
    min_overlap_bars: int = 2


def plan_steps(
    bar_count: int,
    infill: Mapping[int, Sequence[int]],
    autoregressive: Mapping[int, Sequence[int]],
    options: PlanOptions,
    shuffle_seed: int | None = None,
) -> list[Step]:
    """Autoregressive steps first, then infill steps, which shuffle_seed puts in a random order.

    infill, autoregressive: track to target bars. bar_count must be at least model_dim.
    """
    steps = [
        step
        for track, bars in sorted(autoregressive.items())
        for run in _runs(bars)
        for step in _autoregressive_steps(track, run, bar_count, options)
    ]
    tracks = sorted(track for track, bars in infill.items() if bars)
    group_size = options.tracks_per_step or max(len(tracks), 1)
    infills: list[Step] = []
    for first in range(0, len(tracks), group_size):
        group = {track: infill[track] for track in tracks[first : first + group_size]}
        infills += _infill_steps(group, bar_count, options)
    if shuffle_seed is not None:
        random.Random(shuffle_seed).shuffle(infills)
    return steps + infills


def centred_window(first: int, last: int, bar_count: int, model_dim: int) -> tuple[int, int]:
    """The window with bars first..last as close to its middle as the score allows."""
    start = min(max((first + last + 1 - model_dim) // 2, 0), bar_count - model_dim)
    return start, start + model_dim


def _infill_steps(group: Mapping[int, Sequence[int]], bar_count: int, options: PlanOptions) -> list[Step]:
    span = options.bars_per_step or options.model_dim
    remaining = sorted({bar for bars in group.values() for bar in bars})
    steps = []
    while remaining:
        chunk = [bar for bar in remaining if bar < remaining[0] + span]
        start, end = centred_window(chunk[0], chunk[-1], bar_count, options.model_dim)
        cells = sorted((track, bar) for track, bars in group.items() for bar in set(bars) & set(chunk))
        steps.append(Step(start, end, tuple(cells)))
        remaining = remaining[len(chunk) :]
    return steps


def _runs(bars: Sequence[int]) -> list[tuple[int, int]]:
    """Runs [start, end) of consecutive bars."""
    runs: list[tuple[int, int]] = []
    for bar in sorted(set(bars)):
        if runs and runs[-1][1] == bar:
            runs[-1] = (runs[-1][0], bar + 1)
        else:
            runs.append((bar, bar + 1))
    return runs


def _autoregressive_steps(track: int, run: tuple[int, int], bar_count: int, options: PlanOptions) -> list[Step]:
    """Plan steps with model_dim − bars_per_step bars of history each. A run that fits into one window is one step."""
    width = options.model_dim
    per_step = options.bars_per_step or width - max(options.min_overlap_bars, math.ceil(options.ar_overlap * width))
    history = width - max(per_step, 1)
    position, end = run
    steps = []
    while position < end:
        start = max(end - width, 0)
        if not (start == 0 and end <= width) and position - start < min(history, options.min_overlap_bars):
            start = max(position - history, 0)
            start = min(start, max(end - width, 0))
        stop = min(start + width, end)
        start = min(start, bar_count - width)
        steps.append(Step(start, start + width, tuple((track, bar) for bar in range(position, stop)), True))
        position = stop
    return steps
