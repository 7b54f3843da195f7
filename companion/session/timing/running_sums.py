"""Running sums for a straight line through points (index, seconds). Pure arithmetic; knows nothing of ticks."""

from __future__ import annotations


class RunningSums:
    """Running sums over (index, seconds), relative to an origin that must not be too far away."""

    def __init__(self) -> None:
        self.origin_index = 0
        self.origin_seconds = 0.0
        self.x = self.t = self.xx = self.xt = 0.0

    def add(self, index: int, seconds: float, sign: int) -> None:
        """Take a point in (sign 1) or out (-1)."""
        x, t = index - self.origin_index, seconds - self.origin_seconds
        self.x += sign * x
        self.t += sign * t
        self.xx += sign * x * x
        self.xt += sign * x * t

    def restart(self, indices: list[int], seconds: list[float]) -> None:
        """Sum these points again, relative to the last."""
        self.x = self.t = self.xx = self.xt = 0.0
        if indices:
            self.origin_index, self.origin_seconds = indices[-1], seconds[-1]
        for index, second in zip(indices, seconds, strict=True):
            self.add(index, second, 1)
