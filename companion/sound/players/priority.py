"""Asks the system's scheduler for priority for the threads of sound. If a request is refused, sound still plays."""

from __future__ import annotations

import os
from contextlib import suppress

DEVICE, MAKER = 30, 10  # below the realtime process, above ordinary programs


def come_first(priority: int = DEVICE) -> None:
    """Give this thread priority over other programs, but not over the realtime process. Threads that it starts have normal priority.

    A thread that holds the interpreter keeps the device's thread waiting, so every busy thread of the sound process needs a higher
    priority than other programs.
    """
    with suppress(AttributeError, OSError):
        os.sched_setscheduler(0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(priority))
