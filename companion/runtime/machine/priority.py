"""Requests to the system's scheduler. If one is refused, the music still plays."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys

REALTIME_PRIORITY = 60  # above ordinary work, below the sound server and the kernel's own threads
ENGINE_NICENESS = 5
LOWEST_NICENESS = 19
_PR_SET_PDEATHSIG, _PR_SET_TIMERSLACK = 1, 29
_MCL_CURRENT = 1


def _libc() -> ctypes.CDLL | None:
    if not sys.platform.startswith("linux"):
        return None
    try:
        return ctypes.CDLL(None, use_errno=True)
    except OSError:
        return None


def become_realtime() -> str:
    """Ask for SCHED_FIFO, which children do not inherit, or else for the finest timers. Returns what was granted."""
    libc = _libc()
    if libc is not None:
        libc.prctl(_PR_SET_TIMERSLACK, ctypes.c_ulong(1), 0, 0, 0)  # 1 ns instead of 50 µs
        libc.mlockall(_MCL_CURRENT)
    policy = getattr(os, "SCHED_FIFO", None)
    if policy is not None:
        try:
            highest = os.sched_get_priority_max(policy)
            parameter = os.sched_param(min(REALTIME_PRIORITY, highest))
            os.sched_setscheduler(0, policy | getattr(os, "SCHED_RESET_ON_FORK", 0), parameter)
            return "SCHED_FIFO"
        except OSError:
            pass
    return "timer slack 1 ns" if libc is not None else "no priority"


def can_be_realtime() -> bool:
    """Whether this user may use SCHED_FIFO. It is tried in this process and undone."""
    policy = getattr(os, "SCHED_FIFO", None)
    if policy is None:
        return False
    before, parameter = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        os.sched_setscheduler(0, policy, os.sched_param(1))
        os.sched_setscheduler(0, before, parameter)
    except OSError:
        return False
    return True


def give_way() -> None:
    """Let the realtime process and the screen come first."""
    with contextlib.suppress(OSError, AttributeError):
        os.nice(ENGINE_NICENESS)


def take_what_is_left() -> None:
    """Run only while no other process wants the core (SCHED_IDLE), or else at the lowest ordinary priority."""
    if hasattr(os, "SCHED_IDLE"):
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
            return
    with contextlib.suppress(OSError, AttributeError):
        os.nice(LOWEST_NICENESS)


def queued_seconds() -> float:
    """How long this process has waited, ready to run, for a core that something else had (Linux; 0.0 elsewhere).

    It does not include the time taken by a virtual machine's host. A late wake-up without such waiting is due to the host or the hardware.
    """
    try:
        with open("/proc/self/schedstat", "rb") as file:
            return int(file.read().split()[1]) / 1e9
    except (OSError, ValueError, IndexError):
        return 0.0


def die_with_parent() -> None:
    """Be killed when the thread that started this process ends (Linux); to be called in the child."""
    libc = _libc()
    if libc is not None:
        libc.prctl(_PR_SET_PDEATHSIG, ctypes.c_ulong(signal.SIGKILL), 0, 0, 0)
