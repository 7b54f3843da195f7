"""Running sums of losses, clocks for periodic work, and signal handlers that end a run cleanly."""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

_BITS = 1 / math.log(2)


class Sums:
    """Running sums of scores. They are kept as tensors, so that no step has to wait for the GPU."""

    def __init__(self) -> None:
        self.started = time.monotonic()
        self.parts: list[torch.Tensor] = []

    def add(self, sums: torch.Tensor) -> None:
        """sums (6,), as in `Score`."""
        self.parts.append(sums)

    def _totals(self) -> list[float]:
        return torch.stack(self.parts).double().sum(0).tolist() if self.parts else [0.0] * 6

    def _bits(self, place: int) -> float:
        totals = self._totals()
        return totals[place] * _BITS / max(1.0, totals[place + 1])

    def bits(self) -> float:
        """Bits per token, over all predicted tokens."""
        return self._bits(0)

    def filled_bits(self) -> float:
        """Bits per token inside fills."""
        return self._bits(2)

    def live_bits(self) -> float:
        """Bits per token inside the fills of live examples."""
        return self._bits(4)

    def speed(self) -> float:
        """Tokens per second since the sums began."""
        return self._totals()[1] / max(1e-9, time.monotonic() - self.started)


class Pace:
    """The time of one run. seconds_before: the time of earlier parts. limit: seconds that this part may take, or None."""

    def __init__(self, seconds_before: float, limit: float | None) -> None:
        self._started = self._last_step = time.monotonic()
        self._before, self._limit = seconds_before, limit
        self._last_done: dict[str, float] = {}
        self.seconds_per_step = 0.0

    @property
    def seconds(self) -> float:
        """Seconds spent so far, including earlier parts."""
        return self._before + time.monotonic() - self._started

    @property
    def spent(self) -> float:
        """Seconds of this part so far."""
        return time.monotonic() - self._started

    @property
    def left(self) -> float | None:
        """Seconds until the limit, at least 0; None without one."""
        return None if self._limit is None else max(0.0, self._limit - (time.monotonic() - self._started))

    def stepped(self) -> None:
        """Count one step. The measured speed follows about the last fifty steps."""
        now = time.monotonic()
        took, self._last_step = now - self._last_step, now
        self.seconds_per_step = 0.98 * self.seconds_per_step + 0.02 * took if self.seconds_per_step else took

    def due(self, name: str, period: float) -> bool:
        """Whether `period` seconds have passed since this name was last due (or since the start)."""
        now = time.monotonic()
        if now - self._last_done.get(name, self._started) < period:
            return False
        self._last_done[name] = now
        return True


@contextmanager
def stop_signals(handler: Callable[[int, Any], None]) -> Iterator[None]:
    """Let ctrl-C and SIGTERM end the loop after the current step; a second ctrl-C ends at once."""

    def once(number: int, frame: Any) -> None:
        handler(number, frame)
        signal.signal(signal.SIGINT, signal.default_int_handler)

    try:
        before = {number: signal.signal(number, once) for number in (signal.SIGINT, signal.SIGTERM)}
    except ValueError:  # not in the main thread: signals stay as they are
        before = {}
    try:
        yield
    finally:
        for number, previous in before.items():
            signal.signal(number, previous)
