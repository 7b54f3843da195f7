"""Detects a suspend: the monotonic clock stands still while the time of day goes on.

Linux has a clock that counts the time asleep (CLOCK_BOOTTIME). Elsewhere the time of day is compared, which somebody may also set.
"""

from __future__ import annotations

import time
from collections.abc import Callable

SLEPT_SECONDS = 1.0  # a shorter difference is not a suspend


def seconds_with_sleep() -> float:
    """Seconds since some fixed moment, time asleep included."""
    boottime = getattr(time, "CLOCK_BOOTTIME", None)
    return time.time() if boottime is None else time.clock_gettime(boottime)


class SleepWatch:
    """Call `slept` often."""

    def __init__(
        self, awake: Callable[[], float] = time.monotonic, always: Callable[[], float] = seconds_with_sleep
    ) -> None:
        self._awake, self._always = awake, always
        self._ahead = always() - awake()

    def slept(self) -> float:
        """How many seconds the machine has slept since the last call; 0 if it has not."""
        ahead = self._always() - self._awake()
        gained, self._ahead = ahead - self._ahead, ahead
        return gained if gained > SLEPT_SECONDS else 0.0
