"""The machine of a measurement: its name, its memory bandwidth, a core kept busy, and the memory of a process.

Knows nothing of engines.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter

import numpy as np

# It ends by itself when its parent has gone for any reason.
_BUSY = "import os\nparent = os.getppid()\nwhile os.getppid() == parent:\n    sum(range(100_000))\n"


def describe_machine() -> str:
    """Processor, cores and system, one line."""
    name = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        name = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    return f"{name}, {os.cpu_count()} cores, {platform.system()} {platform.release()}, load {load():.1f}"


def load() -> float:
    """The load average of the last minute; 0 where the system does not give it."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0


@contextmanager
def busy_core(wanted: bool = True) -> Iterator[None]:
    """While this lasts, another process keeps one core busy."""
    if not wanted:
        yield
        return
    child = subprocess.Popen([sys.executable, "-c", _BUSY])
    try:
        yield
    finally:
        child.kill()
        child.wait()


def read_bandwidth(size: int, repeats: int = 30) -> float:
    """Bytes a second at which one core reads an array of `size` bytes again and again: best of `repeats` dot products.

    The size matters: an array that fits the processor's caches is read several times faster.
    """
    array = np.ones(max(size // 4, 1024), dtype=np.float32)
    best = float("inf")
    for _ in range(repeats):
        started = perf_counter()
        np.dot(array, array)
        best = min(best, perf_counter() - started)
    return array.nbytes / best


def resident_mb() -> float:
    """Resident memory of this process, MB."""
    import psutil

    return psutil.Process().memory_info().rss / 1e6
