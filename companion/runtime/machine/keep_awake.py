"""Keeping the processor's cores from falling asleep while music runs.

A core that sleeps deeply takes up to a millisecond to wake. A virtual machine is worse: the host takes away a core that halts, and
gives it back 10 to 100 ms later when it is busy. We measured 800 to 1,400 such stalls in 32 seconds of music, and 8 to 56 with the
cores kept awake. On Linux, a program can limit the wake-up time for as long as it keeps a file open; audio workstations do
the same. On other systems, or without permission, nothing happens.
"""

from __future__ import annotations

import os
import struct
from contextlib import suppress
from pathlib import Path

QOS_PATH = Path("/dev/cpu_dma_latency")
DRIVER_PATH = Path("/sys/devices/system/cpu/cpuidle/current_driver")
VIRTUAL_DRIVER = "haltpoll"  # cpuidle's governor for guests: any latency above 0 lets the core halt
SHALLOW_MICROSECONDS = 20  # leaves the lightest sleep (a few µs), forbids those of 50 and more
NO_SLEEP_MICROSECONDS = 0


class Cores:
    """`keep_awake` and `let_sleep` may both be called repeatedly. The request ends with the process at the latest."""

    def __init__(self, path: Path = QOS_PATH, driver: Path = DRIVER_PATH) -> None:
        self._path, self._driver = path, driver
        self._file: int | None = None
        self._refused = False

    @property
    def awake(self) -> bool:
        """Whether they are kept awake now."""
        return self._file is not None

    def keep_awake(self) -> bool:
        """Returns whether the system agreed. After a refusal it is not asked again."""
        if self._file is None and not self._refused:
            self._refused = True
            with suppress(OSError):
                file = os.open(self._path, os.O_WRONLY)
                try:
                    os.write(file, struct.pack("=i", self._wanted_microseconds()))
                except OSError:
                    os.close(file)
                else:
                    self._file, self._refused = file, False
        return self.awake

    def let_sleep(self) -> None:
        """Withdraw the request."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _wanted_microseconds(self) -> int:
        with suppress(OSError):
            if self._driver.read_text(encoding="ascii").strip() == VIRTUAL_DRIVER:
                return NO_SLEEP_MICROSECONDS
        return SHALLOW_MICROSECONDS
