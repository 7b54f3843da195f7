"""How many threads an engine on the CPU uses for a prompt."""

from __future__ import annotations

import os

MOST_THREADS = 4  # more have not been measured


def default_threads() -> int:
    """Every core up to MOST_THREADS."""
    return max(1, min(MOST_THREADS, os.cpu_count() or 1))
