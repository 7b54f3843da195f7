"""How long rewriting the rest of a bar takes, compared with a whole bar. Pure: seconds, no clock.

A rest is shorter than a bar, but more of its prompt is new. So its own times are measured, as shares of what a whole bar was expected
to take at that moment. A rest that comes too late changes nothing, so the estimate need not cover the longest ones.
"""

from __future__ import annotations

from collections import deque

KEPT = 24
FEW = 3  # as long as fewer have been measured, a rest counts as a whole bar
SHARE = 0.9  # of the rests that are expected to be in time


class RewriteTimes:
    """The measured shares."""

    def __init__(self) -> None:
        self._shares: deque[float] = deque(maxlen=KEPT)

    def took(self, seconds: float, whole_seconds: float) -> None:
        """A rest took so long, when a whole bar for the same parts was expected to take `whole_seconds`."""
        if whole_seconds > 0:
            self._shares.append(seconds / whole_seconds)

    def expected(self, whole_seconds: float) -> float:
        """Seconds that the next rest will probably take."""
        if len(self._shares) < FEW:
            return whole_seconds
        ordered = sorted(self._shares)
        return whole_seconds * ordered[min(len(ordered) - 1, int(SHARE * len(ordered)))]
