"""Measures what a decoding pass with several rows costs against a pass with one row. Rows are parts of a bar or takes of a part.

Passes of all sizes alternate, so that each sees the same moment of the machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from time import perf_counter

import numpy as np

from companion.inference.backends.rows import Rows, RowsBackend
from companion.inference.decoding.token_loop import PromptRunner
from companion.inference.prompts.prompt import Prompt

SIZES = (1, 2, 3, 4)
PASSES = 12  # of each size, one after the other, in each round
ROUNDS = 8


def pass_ratios(runner: PromptRunner, prompt: Prompt, sizes: Sequence[int] = SIZES) -> dict[int, float] | None:
    """Rows in the batch → how many times longer a pass takes than one with a single row; None for a backend without rows.

    Each round uses the fastest pass of each size. The ratios are medians over the rounds.
    """
    backend = runner.backend
    if not isinstance(backend, RowsBackend):
        return None
    cache, _ = runner.complete(prompt, None, 0)
    found: dict[int, list[float]] = {size: [] for size in sizes}
    for _ in range(ROUNDS):
        for size in sizes:
            rows = backend.new_rows(max(sizes))
            for _ in range(size):
                rows.add(cache)
            found[size].append(min(_pass_seconds(backend, rows, prompt.next_position + at) for at in range(PASSES)))
    return {size: median(many / one for many, one in zip(found[size], found[sizes[0]], strict=True)) for size in sizes}


def _pass_seconds(backend: RowsBackend, rows: Rows, position: int) -> float:
    ids = np.zeros(rows.count, dtype=np.int64)
    started = perf_counter()
    backend.step(rows, ids, np.full(rows.count, position))
    return perf_counter() - started
