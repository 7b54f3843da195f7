"""Writing on the device: each step chooses a token for every row and feeds it to the next. Steps are recorded once and replayed.

The rows are the first slots of the pool, the desk. Each row has its own prompt, whose keys and values are copied there (10 MB at
20 M parameters, microseconds on a GPU), so takes and parts are written in one batch. The host starts batches of steps and reads
each batch's tokens while the next one runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Protocol

import numpy as np
import torch

from companion.inference.backends.cuda.model import BUCKET, StaticModel, readable_rows
from companion.inference.backends.cuda.pool import Pool
from companion.inference.backends.cuda.recording import Recorder, Step
from companion.inference.backends.cuda.writing.numbers import Numbers
from companion.inference.backends.cuda.writing.sampling import DeviceSampler, is_steered
from companion.inference.backends.writing import Infill, PromptEnd, Written
from companion.tokenizer.grammar import Grammar

AHEAD = 8  # steps per batch: the device has enough work while the host reads, and notes still arrive soon
Part = tuple[
    PromptEnd, int, Infill
]  # the end of a prompt, the prompt's length without it, and what is written after it
_ROW = 2  # of what is fed: id, position, row of the slot, position of the next token


class Fused(Protocol):
    """Another implementation of a whole step; see `kernels.fused.FusedStep`."""

    @property
    def kernels(self) -> int: ...

    def run(self, memory: torch.Tensor, fed: torch.Tensor, batch: int, readable: int) -> None: ...


class DeviceWriter:
    """The desk of one model and grammar. One batch of infills is on it at a time.

    `fed` [4, rows, 1] holds the inputs of the next step: ids, positions, rows of the slots, and the positions after these.
    """

    def __init__(self, model: StaticModel, pool: Pool, recorder: Recorder, grammar: Grammar) -> None:
        self.grammar, self.rows = grammar, pool.plan.desk
        self._model, self._pool, self._recorder = model, pool, recorder
        self.limit = model.config.n_positions
        self.sampler = DeviceSampler(grammar, self.rows, self.limit, model.device)
        self._start = Numbers({"fed": ((4, self.rows), "i8")}, model.device)
        self.fed = torch.zeros((4, self.rows, 1), dtype=torch.int64, device=model.device)
        self._most = torch.tensor([model.capacity - 1, self.limit - 1], device=model.device)[:, None, None]
        self._slots = torch.arange(self.rows, device=model.device)
        self._steps: dict[tuple[int, int, bool], Step] = {}
        self.fused: Fused | None = None
        self._snapshots = [_Snapshot(self.sampler) for _ in range(2)]

    def use(self, fused: Fused) -> None:
        """Do whole steps with this implementation from now on."""
        self.fused = fused
        self._steps.clear()

    @property
    def batches(self) -> tuple[int, ...]:
        """The numbers of rows for which steps are recorded, ascending. Rows in between are filled up."""
        return tuple(1 << number for number in range(self.rows.bit_length()))

    def record_all(self) -> None:
        """Record the steps for every number of rows, every length of prompt, steered and not."""
        for readable in range(BUCKET, readable_rows(self.limit) + 1, BUCKET):
            for batch in self.batches:
                for steered in (False, True) if self.fused is None else (False,):
                    self._step(batch, readable, steered)

    def place(self, memory: torch.Tensor, slot: int, length: int, first: int, rows: int) -> None:
        """Copy the first `length` rows of a slot of `memory` to `rows` rows of the desk."""
        desk = self._pool.memory[:, :, first : first + rows, :length]
        desk.copy_(memory[:, :, slot : slot + 1, :length].expand_as(desk))

    def put_on(self, parts: list[Part]) -> None:
        """Set the inputs of the first step and the states of all takes. The prompts are on the desk already."""
        fed, row = self._start.here["fed"], 0
        fed[:] = np.array([0, 0, self._model.capacity - 1, 0])[:, None]
        for end, length, infill in parts:
            rows = slice(row, row := row + len(infill.uniforms))
            fed[:, rows] = np.array([end.token, end.position, length, end.next_position])[:, None]
        self._start.send()
        self.fed.copy_(self._start.there["fed"][:, :, None])
        self.sampler.start([(part[2], self._room(part)) for part in parts])

    def _room(self, part: Part) -> int:
        """How many tokens fit after a part's prompt."""
        end, length, _ = part
        return min(self.limit - length, self.limit - end.next_position + 1)

    @torch.inference_mode()
    def write(self, parts: list[Part]) -> Iterator[Written]:
        """See `Writing.run`. parts: prompt's end, length of the prompt without it, infill. The prompts are on the desk."""
        self.put_on(parts)
        rows = sum(len(infill.uniforms) for _, _, infill in parts)
        batch = next(size for size in self.batches if size >= rows)
        # A fused step does everything at no cost, so there is only one kind of it.
        steered = self.fused is None and any(is_steered(infill) for _, _, infill in parts)
        longest, room = max(length for _, length, _ in parts), max(self._room(part) for part in parts)
        seen = [0] * rows
        before: _Snapshot | None = None
        for start in range(0, room, AHEAD):
            for number in range(start, min(start + AHEAD, room)):
                readable = min(readable_rows(longest + number + 1), readable_rows(self.limit))
                self._step(batch, readable, steered)()
            running = self._snapshots[start // AHEAD % 2]
            running.take()
            if before is not None:
                found = before.read(seen)
                yield found
                if found.done:
                    return
            before = running
        if before is not None:
            yield before.read(seen)

    def _step(self, batch: int, readable: int, steered: bool) -> Step:
        key = batch, readable, steered
        if key not in self._steps:
            changing = (self.fed, *self.sampler.state)
            kept = [tensor.clone() for tensor in changing]
            self._steps[key] = self._recorder.record(partial(self._run, batch, readable, steered))
            for tensor, value in zip(changing, kept, strict=True):
                tensor.copy_(value)
        return self._steps[key]

    def _run(self, batch: int, readable: int, steered: bool) -> None:
        """One step: model, grammar and draw, then the inputs of the next step."""
        if self.fused is not None:
            self.fused.run(self._pool.memory, self.fed, batch, readable)
        else:
            self.choose(self.logits(batch, readable), steered)

    def logits(self, batch: int, readable: int) -> torch.Tensor:
        """The model's part of a plain step: logits [B, vocab] after what is fed."""
        ids, positions, rows, _ = self.fed[:, :batch].unbind()
        return self._model.step(self._pool.memory, ids, positions, rows, self._slots[:batch], readable, desk=True)

    def choose(self, logits: torch.Tensor, steered: bool) -> None:
        """The sampler's part of a plain step: the next tokens from logits [B, vocab], and what is fed next."""
        fed = self.fed[:, : len(logits)]
        ids, positions, _, following = fed.unbind()
        ids.copy_(self.sampler.choose(logits, steered)[:, None])
        positions.copy_(following)
        # Rows that are done go on until the batch ends, so their places must stay inside the memory.
        places = fed[_ROW:]
        torch.minimum(places + 1, self._most, out=places)


class _Snapshot:
    """The tokens written so far, copied to the host while the device continues."""

    def __init__(self, sampler: DeviceSampler) -> None:
        self._sources = sampler.tokens, sampler.done, sampler.weights
        on_gpu = sampler.tokens.is_cuda
        self._parts = [torch.empty_like(part, device="cpu", pin_memory=on_gpu) for part in self._sources]
        self._copied = torch.cuda.Event() if on_gpu else None

    def take(self) -> None:
        """Copy what is written at this point of the device's work."""
        for part, source in zip(self._parts, self._sources, strict=True):
            part.copy_(source, non_blocking=True)
        if self._copied is not None:
            self._copied.record()

    def read(self, seen: list[int]) -> Written:
        """The tokens of every take that were not yet `seen`, which is updated."""
        if self._copied is not None:
            self._copied.synchronize()
        tokens, done, weights = (part.numpy() for part in self._parts)
        fresh = [row[row >= 0].tolist() for row in (tokens[take, count:] for take, count in enumerate(seen))]
        seen[:] = [count + len(new) for count, new in zip(seen, fresh, strict=True)]
        rows = len(seen)
        return Written(fresh, bool(done[:rows].all()), weights[:rows].copy())
