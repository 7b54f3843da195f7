"""The machine's memory: how much there is, and giving back what was freed."""

from __future__ import annotations

import ctypes
import sys
from contextlib import suppress


def available_bytes() -> int:
    """The memory that can be used now without anything being moved out to disk."""
    with suppress(OSError, ValueError, IndexError, StopIteration), open("/proc/meminfo", encoding="ascii") as file:
        return next(1024 * int(line.split()[1]) for line in file if line.startswith("MemAvailable:"))
    import psutil

    return psutil.virtual_memory().available


def return_freed_memory() -> None:
    """Return what the C library keeps of freed memory: ten megabytes after a checkpoint was read. Without glibc nothing happens."""
    if sys.platform.startswith("linux"):
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).malloc_trim(0)
