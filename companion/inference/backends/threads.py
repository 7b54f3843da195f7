"""How many threads an engine on the CPU may use."""

from __future__ import annotations

import os

MOST_THREADS = 4  # more have not been measured
DECODE_THREADS = 2  # nor have more for single tokens, which are too little work to share among many


def default_threads() -> int:
    """Threads for prompts: every core up to MOST_THREADS."""
    return max(1, min(MOST_THREADS, os.cpu_count() or 1))


def may_share_tokens() -> bool:
    """Whether threads may share the work of single tokens, for which they wait awake.

    If sleeping threads were asked for, they may only where a core stays free. Live play asks for sleeping threads, because the
    realtime loop and the screen need a core. With all of them on two cores, threads that waited awake made bars take twice as long
    (303 instead of 137 ms) and used four times the power.
    """
    return os.environ.get("OMP_WAIT_POLICY", "").upper() != "PASSIVE" or _cores() > DECODE_THREADS + 1


def _cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
