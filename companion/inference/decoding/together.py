"""Writes the parts of a bar and their takes in one batch, each after its own prompt, if the backend can.

The weights are read once for all of them. In return, parts of one batch do not hear each other. A backend that can write by
itself does so; another one needs rows. If it has neither, parts are written one after the other. The tokens are the same, because
each part has its own random numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter

import numpy as np

from companion.errors import GenerationCancelled
from companion.inference.backends.rows import Rows, RowsBackend
from companion.inference.backends.writing import Infill, WritingBackend
from companion.inference.decoding.choosing import DecodeSettings, Take
from companion.inference.decoding.following import Cancel, RunStats, follow, prompt_end, writable
from companion.inference.decoding.token_loop import PromptRunner
from companion.inference.decoding.writer import OnBar, OnNote
from companion.inference.prompts.prompt import Prompt, WindowRequest


@dataclass(frozen=True, slots=True)
class PromptRun:
    """One prompt and what to generate after it. takes: numbers of its candidates. slot: see `PromptRunner`."""

    prompt: Prompt
    request: WindowRequest
    settings: DecodeSettings
    takes: Sequence[int] = (0,)
    on_note: OnNote | None = None
    on_bar: OnBar | None = None
    slot: int = 0


@dataclass(slots=True)
class _Row:
    """One take in the batch. fed: number of tokens fed, beginning with the prompt's last token."""

    take: Take
    part: PromptRun
    fed: int = 0

    @property
    def position(self) -> int:
        """Where the next token stands. The prompt's last token need not stand right before the first one written."""
        prompt = self.part.prompt
        return int(prompt.masked.positions[-1]) if self.fed == 0 else prompt.next_position + self.fed - 1


def run_parts(
    runner: PromptRunner, parts: Sequence[PromptRun], cancel: Cancel | None = None
) -> tuple[list[list[Take]], RunStats]:
    """Write the takes of every part. Returns them, and the cost of all together.

    Raises GenerationCancelled when `cancel()`, asked before every forward pass, returns true. Raises GenerationError when the
    model fails. Notes and bars already handed to the callbacks stand.
    """
    backend = runner.backend
    count = sum(len(part.takes) for part in parts)
    if count < 2 or any(part.request.autoregressive for part in parts):
        return _one_by_one(runner, parts, cancel)
    if isinstance(backend, WritingBackend):
        return _written(runner, backend, parts, cancel) or _one_by_one(runner, parts, cancel)
    if not isinstance(backend, RowsBackend):
        return _one_by_one(runner, parts, cancel)
    stats = RunStats()
    batch: list[_Row] = []
    rows = backend.new_rows(count)
    started = perf_counter()
    for part in parts:
        cache, cost = runner.complete(part.prompt, cancel, part.slot)
        stats.reused_tokens += cost.reused_tokens
        stats.new_tokens += cost.new_tokens
        for number in part.takes:
            rows.add(cache)
            batch.append(
                _Row(
                    runner.new_take(
                        number, part.prompt, part.request, part.settings, _timed(part, stats, started), part.on_bar
                    ),
                    part,
                )
            )
    stats.prefill_ms = (perf_counter() - started) * 1000
    takes = [[row.take for row in batch if row.part is part] for part in parts]
    _decode(runner, backend, rows, batch, stats, cancel)
    stats.decode_ms = (perf_counter() - started) * 1000 - stats.prefill_ms
    stats.generated_tokens = sum(len(take.ids) for found in takes for take in found)
    return takes, stats


def _written(
    runner: PromptRunner, backend: WritingBackend, parts: Sequence[PromptRun], cancel: Cancel | None
) -> tuple[list[list[Take]], RunStats] | None:
    """Let the backend write all parts in one batch by itself. Returns None if it cannot, before anything is done."""
    if sum(len(part.takes) for part in parts) > backend.most_rows:
        return None
    stats, started = RunStats(), perf_counter()
    takes = [
        [
            runner.new_take(n, part.prompt, part.request, part.settings, _timed(part, stats, started), part.on_bar)
            for n in part.takes
        ]
        for part in parts
    ]
    infills: list[Infill] = []
    for part, rows in zip(parts, takes, strict=True):
        infill = writable(backend, rows, part.prompt, part.request, part.settings, runner.backend.n_positions)
        if infill is None:
            return None
        infills.append(infill)
    writing = backend.begin(runner.grammar)
    for part, infill in zip(parts, infills, strict=True):
        cache, cost = runner.complete(part.prompt, cancel, part.slot)
        stats.reused_tokens += cost.reused_tokens
        stats.new_tokens += cost.new_tokens
        writing.add(cache, prompt_end(part.prompt), infill)
    stats.prefill_ms = (perf_counter() - started) * 1000
    follow(writing, [row for rows in takes for row in rows], stats, cancel)
    stats.decode_ms = (perf_counter() - started) * 1000 - stats.prefill_ms
    stats.generated_tokens = sum(len(row.ids) for rows in takes for row in rows)
    return takes, stats


def _timed(part: PromptRun, stats: RunStats, started: float) -> OnNote:
    """The part's callback, which also notes when the first note of all parts came."""

    def noted(track: int, bar: int, note, take: int) -> None:
        if stats.first_note_ms is None:
            stats.first_note_ms = (perf_counter() - started) * 1000
        if part.on_note is not None:
            part.on_note(track, bar, note, take)

    return noted


def _one_by_one(
    runner: PromptRunner, parts: Sequence[PromptRun], cancel: Cancel | None
) -> tuple[list[list[Take]], RunStats]:
    total, takes = RunStats(), []
    for part in parts:
        found, cost = runner.run(
            part.prompt, part.request, part.settings, part.takes, part.on_note, part.on_bar, cancel, part.slot
        )
        takes.append(found)
        if total.first_note_ms is None and cost.first_note_ms is not None:
            total.first_note_ms = total.prefill_ms + total.decode_ms + cost.first_note_ms
        for name in ("prefill_ms", "decode_ms", "reused_tokens", "new_tokens", "generated_tokens", "forward_calls"):
            setattr(total, name, getattr(total, name) + getattr(cost, name))
    return takes, total


def _decode(
    runner: PromptRunner, backend: RowsBackend, rows: Rows, batch: list[_Row], stats: RunStats, cancel: Cancel | None
) -> None:
    """Feed one pending token of every row, and choose the next where none is left, until every row has left the batch."""
    for row in batch:
        row.take.pending.append(int(row.part.prompt.masked.ids[-1]))
        row.take.open_fill()
        row.take.accept(row.take.state.forced())
    batch = list(batch)
    while True:
        for number in reversed(range(len(batch))):
            full = max(batch[number].position, rows.lengths[number]) >= runner.backend.n_positions
            if batch[number].take.stopped or full:
                batch[number].take.stopped = True
                rows.remove(number)
                batch[number] = batch[-1]
                batch.pop()
        if not batch:
            return
        if cancel is not None and cancel():
            raise GenerationCancelled("generation was cancelled")
        ids = np.array([row.take.pending.pop(0) for row in batch], dtype=np.int64)
        logits = backend.step(rows, ids, np.array([row.position for row in batch], dtype=np.int64))
        stats.forward_calls += 1
        for number, row in enumerate(batch):
            row.fed += 1
            if not row.take.pending:
                runner.chooser.choose(row.take, logits[number], row.part.settings)
