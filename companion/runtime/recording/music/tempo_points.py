"""Finds where the tempo changed between the marks of a log, as few points with an even tempo between them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

Point = tuple[float, float]  # seconds, beats
# Nobody hears a millisecond, and a clock of even tempo deviates by less.
TOLERANCE_SECONDS = 0.001


def bend_between(before: Point, before_bpm: float, after: Point, after_bpm: float) -> Point | None:
    """Where one tempo changed to the other, between two moments whose time and position are known; None if that cannot be determined."""
    first, second = before_bpm / 60, after_bpm / 60
    if abs(first - second) < 1e-6 or not before[0] < after[0]:
        return None
    seconds = (after[1] - before[1] + before[0] * first - after[0] * second) / (first - second)
    if not before[0] < seconds < after[0]:
        return None
    return seconds, before[1] + (seconds - before[0]) * first


def essential(points: Sequence[Point], tolerance_seconds: float = TOLERANCE_SECONDS) -> list[Point]:
    """The points without those that lie on a straight line between others (Ramer, Douglas and Peucker's algorithm)."""
    kept = {0, len(points) - 1}
    spans = [(0, len(points) - 1)]
    while spans:
        first, last = spans.pop()
        (start, low), (end, high) = points[first], points[last]
        worst, at = tolerance_seconds, None
        for index in range(first + 1, last):
            expected = start + (points[index][1] - low) * (end - start) / (high - low)
            if abs(points[index][0] - expected) > worst:
                worst, at = abs(points[index][0] - expected), index
        if at is not None:
            kept.add(at)
            spans += [(first, at), (at, last)]
    return [points[index] for index in sorted(kept)]


def beats_at(points: Sequence[Point], seconds: float) -> float:
    """The position at a moment. Outside the points, it continues the nearest two."""
    spans = list(pairwise(points))
    before, after = next((span for span in spans if seconds < span[1][0]), spans[-1])
    return before[1] + (seconds - before[0]) * (after[1] - before[1]) / (after[0] - before[0])
