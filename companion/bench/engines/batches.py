"""Measures what a decoding pass with several rows costs against a pass with one row. Rows are parts of a bar, or takes of a part.

Passes of all sizes alternate, so that each sees the same moment of the machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from time import perf_counter

import numpy as np

from companion.inference.backends.base import Cache, fork
from companion.inference.backends.rows import Rows, RowsBackend
from companion.inference.backends.writing import Infill, WritingBackend
from companion.inference.decoding.following import prompt_end
from companion.inference.decoding.token_loop import PromptRunner
from companion.inference.prompts.prompt import Prompt
from companion.tokenizer.grammar import WrittenBar

SIZES = (1, 2, 3, 4)
PASSES = 12  # of each size, one after the other, in each round
ROUNDS = 8
WRITTEN_SIZES, WRITTEN_ROUNDS, WRITTEN_STEPS = (1, 2, 4, 8), 4, 48
NOTES = 15  # most notes of a written bar: untrained weights would not end it


def pass_ratios(
    runner: PromptRunner, prompt: Prompt, sizes: Sequence[int] = SIZES, takes: bool = False
) -> dict[int, float] | None:
    """Rows in the batch → how many times longer a pass takes than one with a single row; None for a backend without rows.

    takes: all rows continue the same tokens. Otherwise each has tokens of its own before it, as the parts of a bar have.
    Each round uses the fastest pass of each size. The ratios are medians over the rounds.
    """
    backend = runner.backend
    if isinstance(backend, WritingBackend):
        return _written_ratios(runner, backend, prompt) if takes else None
    if not isinstance(backend, RowsBackend):
        return None
    cache, _ = runner.complete(prompt, None, 0)
    caches = [cache] + [cache if takes else fork(runner.backend, cache, 1) for _ in range(max(sizes) - 1)]
    found: dict[int, list[float]] = {size: [] for size in sizes}
    for _ in range(ROUNDS):
        for size in sizes:
            rows = backend.new_rows(max(sizes))
            for each in caches[:size]:
                rows.add(each)
            found[size].append(min(_pass_seconds(backend, rows, prompt.next_position + at) for at in range(PASSES)))
    return {size: median(many / one for many, one in zip(found[size], found[sizes[0]], strict=True)) for size in sizes}


def _written_ratios(runner: PromptRunner, backend: WritingBackend, prompt: Prompt) -> dict[int, float]:
    """The same for a backend that writes by itself: the time of a step with this many takes."""
    cache, _ = runner.complete(prompt, None, 0)
    sizes = [size for size in WRITTEN_SIZES if size <= backend.most_rows]
    found: dict[int, list[float]] = {size: [] for size in sizes}
    for _ in range(WRITTEN_ROUNDS):
        for size in sizes:
            found[size].append(_step_seconds(runner, backend, cache, prompt, size))
    return {size: median(many / one for many, one in zip(found[size], found[sizes[0]], strict=True)) for size in sizes}


def _step_seconds(runner: PromptRunner, backend: WritingBackend, cache: Cache, prompt: Prompt, takes: int) -> float:
    """Seconds of a step while `takes` takes write bars that do not end early."""
    uniforms = np.full((takes, 2 * runner.backend.n_positions), 0.5)
    writing = backend.begin(runner.grammar)
    writing.add(cache, prompt_end(prompt), Infill((WrittenBar(is_drum=True),) * 4, uniforms, density_hard_limit=NOTES))
    written = writing.run()
    next(written)
    started, steps = perf_counter(), 0
    for found in written:
        steps += max(map(len, found.tokens))
        if steps >= WRITTEN_STEPS:
            break
    return (perf_counter() - started) / max(steps, 1)


def _pass_seconds(backend: RowsBackend, rows: Rows, position: int) -> float:
    ids = np.zeros(rows.count, dtype=np.int64)
    started = perf_counter()
    backend.step(rows, ids, np.full(rows.count, position))
    return perf_counter() - started
