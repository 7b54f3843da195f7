"""Runs the real program on its own terminal: `companion demo` with its screen, in a pseudo-terminal that is read.

Knows processes, a pseudo-terminal and seconds; nothing of music. Linux and macOS only.
"""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import psutil

from companion.errors import CompanionError

COLUMNS, ROWS = 160, 50
FRAME_TEXT = b"loading checkpoint"  # text in the first frame
LOOK_SECONDS = 5.0
KEPT_BYTES = 2000
PATIENCE_SECONDS = 60.0  # beyond the time that the music takes


@dataclass(slots=True)
class ScreenRun:
    """What was seen from outside. Times in seconds of the monotonic clock; memory in MB by process, at its highest sum."""

    begun: float
    first_frame: float | None = None
    drawn_bytes: int = 0
    memory_mb: dict[str, float] = field(default_factory=dict)
    shared_memory_mb: dict[str, float] = field(default_factory=dict)
    cpu_seconds: dict[str, float] = field(default_factory=dict)


def run_on_screen(arguments: Sequence[str], music_seconds: float) -> ScreenRun:
    """Run `companion ARGUMENTS` on a terminal of 160 × 50 until it ends. Raises CompanionError when it fails or does not end."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    run = ScreenRun(time.monotonic())
    process = subprocess.Popen(
        [sys.executable, "-m", "companion", *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        env={**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"},
    )
    os.close(theirs)
    try:
        last = _read(process, ours, run, run.begun + music_seconds + PATIENCE_SECONDS)
    finally:
        os.close(ours)
        if process.poll() is None:
            process.terminate()
    if process.wait(20):
        raise CompanionError(f"companion {' '.join(arguments)} failed: {last.decode(errors='replace')[-300:]}")
    return run


def _read(process: subprocess.Popen[bytes], terminal: int, run: ScreenRun, until: float) -> bytes:
    """Read the output as a terminal does and look at the processes now and then. Returns the end of the output."""
    last, next_look = b"", run.begun + LOOK_SECONDS
    while (now := time.monotonic()) < until:
        if now >= next_look:
            next_look = now + LOOK_SECONDS
            _look(process.pid, run)
        ready, _, _ = select.select([terminal], [], [], 0.5)
        if not ready:
            continue
        try:
            data = os.read(terminal, 1 << 16)
        except OSError:  # the other end is closed (Linux)
            data = b""
        if not data:
            return last
        run.drawn_bytes += len(data)
        last += data
        if run.first_frame is None and FRAME_TEXT in last:
            run.first_frame = time.monotonic()
        last = last[-KEPT_BYTES:]
    raise CompanionError("the screen did not end in time")


def _look(pid: int, run: ScreenRun) -> None:
    """Memory and processor time of the program's processes."""
    resident: dict[str, float] = {}
    shared: dict[str, float] = {}
    try:
        front = psutil.Process(pid)
        for process in (front, *front.children(recursive=True)):
            words = process.cmdline()
            name = "front" if process.pid == pid else words[words.index("-m") + 1].rpartition(".")[2]
            resident[name] = round(process.memory_info().rss / 1e6, 1)
            shared[name] = round(getattr(process.memory_full_info(), "pss", 0) / 1e6, 1)
            times = process.cpu_times()
            run.cpu_seconds[name] = round(times.user + times.system, 2)
    except (psutil.Error, ValueError, IndexError):
        return  # one of them is just ending
    if sum(resident.values()) > sum(run.memory_mb.values()):
        run.memory_mb, run.shared_memory_mb = resident, shared
