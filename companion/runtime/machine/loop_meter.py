"""Measures how long the turns of the realtime loop take while music runs, and what delays the longest. It costs microseconds.

A turn is counted from the moment it should have begun, so a system that wakes us late shows as "waking". Knows seconds, no clock.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from typing import Any

PARTS: tuple[str, ...] = ("waking", "midi", "engine", "timers", "others", "picture", "memory")
SLOW_SECONDS = 0.01  # a turn this long gets a line in the log
_STEPS = 8  # bins per octave: each is 9 % wide
_SMALLEST_SECONDS = 1e-6


class LoopMeter:
    """Mark the end of each part of a turn, then `end` it."""

    def __init__(self) -> None:
        self._marks: list[float] = []
        self._bins: Counter[int] = Counter()
        self._longest = 0.0
        self._held_by = ""
        self._longest_parts = dict.fromkeys(PARTS, 0.0)
        self.slow_turns = 0

    def begin(self, should: float, now: float) -> None:
        """A turn begins at `now`; it was due at `should`."""
        self._marks = [should, now]

    def mark(self, now: float) -> None:
        """The next of `PARTS` has ended."""
        self._marks.append(now)

    def end(self, playing: bool) -> str:
        """The turn is over. Returns a line for the log if it was slow, else "". Only turns while playing count."""
        marks = self._marks
        seconds = marks[-1] - marks[0]
        if playing:
            self._count(seconds)
        if seconds <= SLOW_SECONDS:
            return ""
        return "slow turn, ms: " + ", ".join(f"{name} {1000 * part:.1f}" for name, part in self._parts())

    def _count(self, seconds: float) -> None:
        self._bins[int(_STEPS * math.log2(max(seconds, _SMALLEST_SECONDS) / _SMALLEST_SECONDS))] += 1
        parts = self._parts()
        if seconds > self._longest:
            self._longest, self._held_by = seconds, max(parts, key=lambda part: part[1])[0]
        for name, part in parts:
            if part > self._longest_parts[name]:
                self._longest_parts[name] = part
        self.slow_turns += seconds > SLOW_SECONDS

    def summary(self) -> Mapping[str, Any]:
        """{p50, p99, max} of the turns in milliseconds, what held up the longest, how many were slow, the longest of each part."""
        return {
            "p50": round(1000 * self._quantile(0.5), 3),
            "p99": round(1000 * self._quantile(0.99), 3),
            "max": round(1000 * self._longest, 3),
            "held_by": self._held_by,
            "slow_turns": self.slow_turns,
            "longest": {name: round(1000 * part, 3) for name, part in self._longest_parts.items()},
        }

    def _parts(self) -> list[tuple[str, float]]:
        marks = self._marks
        return [(name, after - before) for name, before, after in zip(PARTS, marks, marks[1:], strict=False)]

    def _quantile(self, share: float) -> float:
        """The upper edge of the bin in which this share of the turns is reached."""
        left = share * self._bins.total()
        for number in sorted(self._bins):
            left -= self._bins[number]
            if left <= 0:
                return _SMALLEST_SECONDS * 2 ** ((number + 1) / _STEPS)
        return 0.0
