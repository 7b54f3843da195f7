"""Feeding a prompt to one slot, in chunks of a few fixed widths, each recorded for every number of rows that it may read.

A chunk that is not full is filled up with tokens that are written to a row which is never read.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import torch

from companion.inference.backends.base import Ids
from companion.inference.backends.cuda.model import BUCKET, StaticModel, readable_rows
from companion.inference.backends.cuda.pool import Pool
from companion.inference.backends.cuda.recording import Recorder, Step

WIDTHS = (1, 8, 32, 128)


class Feeder:
    """The recorded chunks of one model and pool."""

    def __init__(self, model: StaticModel, pool: Pool, recorder: Recorder) -> None:
        self._model, self._pool, self._recorder = model, pool, recorder
        self._chunks = {width: _Chunk(width, model) for width in WIDTHS}
        self._logits = torch.zeros((1, model.config.vocab_size), device=model.device)
        self._steps: dict[tuple[int, int], Step] = {}

    def record_all(self) -> None:
        """Record every width for every number of rows that it may read."""
        for readable in range(BUCKET, readable_rows(self._model.config.n_positions) + 1, BUCKET):
            for width in WIDTHS:
                self._step(width, readable)

    def feed(self, slot: int, length: int, ids: Ids, positions: Ids) -> torch.Tensor:
        """Write ids at positions, both [T], to the slot from row `length` on. Returns logits [1, vocab] after the last.

        The next call overwrites the result.
        """
        start = 0
        while start < len(ids):
            left = len(ids) - start
            width = next((width for width in WIDTHS if width >= left), WIDTHS[-1])
            piece = slice(start, start + width)
            start += min(width, left)
            self._chunks[width].fill(slot, length, ids[piece], positions[piece])
            length += min(width, left)
            self._step(width, readable_rows(length))()
        return self._logits

    def _step(self, width: int, readable: int) -> Step:
        found = self._steps.get((width, readable))
        if found is None:
            found = self._recorder.record(partial(self._run, self._chunks[width], readable))
            self._steps[width, readable] = found
        return found

    def _run(self, chunk: _Chunk, readable: int) -> None:
        logits = self._model.step(
            self._pool.memory, chunk.ids, chunk.positions, chunk.rows, chunk.slot, readable, chunk.last
        )
        self._logits.copy_(logits)


class _Chunk:
    """The inputs of one width: one array on the host and its copy on the device."""

    def __init__(self, width: int, model: StaticModel) -> None:
        self._width, self._unread = width, model.capacity - 1
        self._here = torch.zeros(3 * width + 2, dtype=torch.int64, pin_memory=model.device.type == "cuda")
        self._numbers = self._here.numpy()
        self._there = torch.zeros(3 * width + 2, dtype=torch.int64, device=model.device)
        self._there[2 * width : 3 * width] = self._unread
        tokens = self._there[: 3 * width].view(3, 1, width)
        self.ids, self.positions, self.rows = tokens.unbind()
        self.slot, self.last = self._there[3 * width : 3 * width + 1], self._there[3 * width + 1 :]

    def fill(self, slot: int, length: int, ids: Ids, positions: Ids) -> None:
        """Send up to `width` tokens that go to the rows of the slot from `length` on."""
        count, width = len(ids), self._width
        tokens = self._numbers[: 3 * width].reshape(3, width)
        tokens[:2, count:] = 0
        tokens[2, count:] = self._unread
        tokens[0, :count], tokens[1, :count] = ids, positions
        tokens[2, :count] = np.arange(length, length + count)
        self._numbers[3 * width :] = slot, count - 1
        self._there.copy_(self._here)
