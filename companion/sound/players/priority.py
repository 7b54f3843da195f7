"""What the threads of sound ask of the system's scheduler. Wishes: where one is refused, sound still plays."""

from __future__ import annotations

import os
from contextlib import suppress

DEVICE, MAKER = 30, 10  # below the realtime process, above ordinary work


def come_first(priority: int = DEVICE) -> None:
    """Have this thread woken in time, though after the realtime process; threads that it starts are ordinary ones.

    Whoever holds the interpreter keeps the device's thread waiting, so every busy thread of the sound process needs a priority above
    that of other programs.
    """
    with suppress(AttributeError, OSError):
        os.sched_setscheduler(0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(priority))
