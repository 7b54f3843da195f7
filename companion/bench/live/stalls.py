"""Finds when the machine itself stood still. One watcher per core, at a priority above everything we measure, notes each late wake-up.

A program cannot distinguish a slow machine from its own slowness. A process that only sleeps, at a higher real-time priority than
all others, can: whatever delays it too (a virtual machine's host, the hardware) is outside every program's control.
This works on Linux with SCHED_FIFO only. `python -m companion.bench.live.stalls CPU` is one watcher.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import subprocess
import sys
import time
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from companion.runtime.machine.priority import REALTIME_PRIORITY, become_realtime, die_with_parent

NAP_SECONDS = 0.001
STALL_SECONDS = 0.001  # a watcher woken later than this was delayed
PATIENCE_SECONDS = 5.0
Span = tuple[float, float]


@dataclass
class Stalls:
    """What the watchers saw, once they have ended. spans: (from, to) on the monotonic clock, in order, not overlapping; None
    where nobody watched."""

    spans: list[Span] | None = None
    _ends: list[float] = field(default_factory=list)

    def tell(self, spans: Sequence[Span]) -> None:
        """Take the watchers' spans."""
        self.spans = merged(spans)
        self._ends = [end for _, end in self.spans]

    def during(self, begin: float, end: float) -> bool:
        """Whether a core was away at some moment between these two."""
        if not self.spans:
            return False
        index = bisect_left(self._ends, begin)
        return index < len(self.spans) and self.spans[index][0] <= end

    def summary(self) -> dict[str, float]:
        """{count, longest_ms, total_ms}."""
        lengths = [1000 * (end - begin) for begin, end in self.spans or ()]
        return {
            "count": len(lengths),
            "longest_ms": round(max(lengths, default=0.0), 1),
            "total_ms": round(sum(lengths), 1),
        }


def merged(spans: Sequence[Span]) -> list[Span]:
    """Spans in order, those that overlap made one."""
    found: list[Span] = []
    for begin, end in sorted(spans):
        if found and begin <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((begin, end))
    return found


@contextmanager
def watch_stalls() -> Iterator[Stalls]:
    """Watch every core while this lasts; the result is complete afterwards."""
    stalls = Stalls()
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    watchers = [_start(core) for core in cores]
    try:
        yield stalls
    finally:
        reports = [_end(watcher) for watcher in watchers]
        if reports and all(report is not None for report in reports):
            stalls.tell([(begin, end) for report in reports for begin, end in report or ()])


def _start(core: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "companion.bench.live.stalls", str(core)]
    watcher = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    if watcher.stdout is not None:
        watcher.stdout.readline()  # the watcher is ready
    return watcher


def _end(watcher: subprocess.Popen[bytes]) -> list[list[float]] | None:
    """A watcher's spans; None where it was not allowed to watch."""
    watcher.terminate()
    try:
        text, _ = watcher.communicate(timeout=PATIENCE_SECONDS)
        return json.loads(text)
    except (subprocess.TimeoutExpired, ValueError):
        watcher.kill()
        watcher.wait()
        return None


def main(core: int) -> None:
    """The watcher itself: until SIGTERM, then its spans as JSON; null where it may not watch."""
    die_with_parent()
    ending: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, frame: ending.append(number))
    granted = become_realtime() == "SCHED_FIFO"
    with suppress(OSError):
        os.sched_setaffinity(0, {core})
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(REALTIME_PRIORITY + 1))
    gc.disable()
    print("watching", flush=True)
    spans: list[Span] = []
    while not ending:
        due = time.monotonic() + NAP_SECONDS
        time.sleep(NAP_SECONDS)
        now = time.monotonic()
        if now - due > STALL_SECONDS:
            spans.append((due, now))
    print(json.dumps(spans if granted else None))


if __name__ == "__main__":
    main(int(sys.argv[1]))
