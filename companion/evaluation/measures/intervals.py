"""Means and ratios with 95 % confidence intervals.

Cases are windows of music. The notes within a window are not independent, so whole windows are resampled (percentile bootstrap,
Efron 1979), which gives intervals of the correct width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

RESAMPLES = 1000
LOW, HIGH = 2.5, 97.5  # percent


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure and its interval; cases: of how many windows."""

    value: float
    low: float
    high: float
    cases: int

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {name: getattr(self, name) for name in self.__slots__}


def ratio(parts: Sequence[float], wholes: Sequence[float], seed: int = 0) -> Figure | None:
    """Sum of `parts` over sum of `wholes`, with one of each per case; None when the wholes sum to 0."""
    part, whole = np.asarray(parts, dtype=np.float64), np.asarray(wholes, dtype=np.float64)
    if not len(whole) or not whole.sum():
        return None
    drawn = np.random.default_rng(seed).integers(len(whole), size=(RESAMPLES, len(whole)))
    sums = whole[drawn].sum(axis=1)
    values = part[drawn].sum(axis=1)[sums > 0] / sums[sums > 0]
    low, high = np.percentile(values, [LOW, HIGH])
    return Figure(float(part.sum() / whole.sum()), float(low), float(high), len(whole))


def mean(values: Sequence[float], seed: int = 0) -> Figure | None:
    """The mean of the cases; None of nothing."""
    return ratio(values, [1.0] * len(values), seed)


def median(values: Sequence[float], seed: int = 0) -> Figure | None:
    """The median of the cases; None of nothing."""
    if not len(values):
        return None
    array = np.asarray(values, dtype=np.float64)
    drawn = np.random.default_rng(seed).integers(len(array), size=(RESAMPLES, len(array)))
    low, high = np.percentile(np.median(array[drawn], axis=1), [LOW, HIGH])
    return Figure(float(np.median(array)), float(low), float(high), len(array))
