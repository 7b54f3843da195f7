"""Decides how often to draw: often enough to look smooth, and less if it takes processor time from the music. Pure; time is passed in."""

from __future__ import annotations

from dataclasses import dataclass

FASTEST_SECONDS, SLOWEST_SECONDS = 1 / 16, 1 / 4
WINDOW_SECONDS = 1.0
HIGH_SHARE, LOW_SHARE = 0.12, 0.06  # of one core, for this whole process


@dataclass(slots=True)
class Pace:
    """Frame interval from the processor time that drawing has taken lately."""

    interval: float = FASTEST_SECONDS
    _window_start: float | None = None
    _cpu_start: float = 0.0
    _last_frame: float = float("-inf")

    def due(self, now: float, cpu_seconds: float) -> bool:
        """True when the next frame may be drawn. cpu_seconds: the processor time this process has used so far."""
        self._adapt(now, cpu_seconds)
        if now - self._last_frame < self.interval * 0.9:
            return False
        self._last_frame = now
        return True

    def _adapt(self, now: float, cpu_seconds: float) -> None:
        if self._window_start is None:
            self._window_start, self._cpu_start = now, cpu_seconds
        elapsed = now - self._window_start
        if elapsed < WINDOW_SECONDS:
            return
        share = (cpu_seconds - self._cpu_start) / elapsed
        if share > HIGH_SHARE:
            self.interval = min(self.interval * 1.5, SLOWEST_SECONDS)
        elif share < LOW_SHARE:
            self.interval = max(self.interval / 1.5, FASTEST_SECONDS)
        self._window_start, self._cpu_start = now, cpu_seconds
