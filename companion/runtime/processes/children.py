"""Starting and ending our own processes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress

REALTIME = "companion.runtime.processes.realtime"
SUPERVISOR = "companion.runtime.processes.supervisor"
ENGINE = "companion.runtime.engine.engine_process"


def module_command(module: str, *descriptors: int) -> list[str]:
    """The command line of one of our processes."""
    return [sys.executable, "-m", module, *map(str, descriptors)]


def start_module(module: str, descriptors: Sequence[int]) -> subprocess.Popen[bytes]:
    """Start one of our processes with these inherited descriptors. Its output goes where our errors go. Raises OSError."""
    return subprocess.Popen(
        module_command(module, *descriptors),
        pass_fds=descriptors,
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr,
        stderr=sys.stderr,
    )


def end_process(process: subprocess.Popen[bytes] | None) -> None:
    """Kill the process and wait until it has ended."""
    if process is not None:
        with suppress(OSError):
            process.kill()
        with suppress(subprocess.TimeoutExpired):
            process.wait(5)
