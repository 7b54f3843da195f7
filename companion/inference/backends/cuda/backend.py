"""The GPU engine: a static cache, and decoding steps recorded as CUDA graphs.

`forward` fulfils the engine contract and waits for the host once per token. `write` is the fast path: whole steps (model,
grammar and draw) are replayed without waiting (see `cuda.writer`).

The tests run the same code on a CPU, step by step instead of recorded. `companion bench --engine cuda` measures a GPU.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import torch

from companion.errors import GenerationError
from companion.inference.backends.base import Cache, Ids, Logits
from companion.inference.backends.cuda.model import BUCKET, StaticModel, readable_rows
from companion.inference.backends.cuda.writer import DeviceWriter, record
from companion.inference.backends.writing import Infill, PromptEnd
from companion.tokenizer.grammar import Grammar

if TYPE_CHECKING:
    from companion.inference.checkpoints.files import Checkpoint

_MOST_WRITERS = 4  # recorded steps are kept for this many different numbers of takes
_FEWEST_TARGETS = 8  # a writer has room for at least this many; a larger one must record its steps again


class CudaCache:
    """Rows of the static memory; see `Cache`."""

    def __init__(self, model: StaticModel, batch: int) -> None:
        self.memory = model.new_memory(batch)
        self._history = np.zeros((2, model.config.n_positions), dtype=np.int64)
        self._length = 0
        self.batch = batch
        self.ids = torch.zeros((batch, 1), dtype=torch.int64, device=model.device)
        self.position = torch.zeros((batch, 1), dtype=torch.int64, device=model.device)
        self.row = torch.zeros(1, dtype=torch.int64, device=model.device)
        self.logits = torch.zeros((batch, model.config.vocab_size), device=model.device)
        self.recorded: dict[int, torch.cuda.CUDAGraph] = {}

    @property
    def length(self) -> int:
        return self._length

    @property
    def tokens(self) -> tuple[Ids, Ids]:
        """(ids, positions) fed so far in row 0, each [length]; copies."""
        return self._history[0, : self._length].copy(), self._history[1, : self._length].copy()

    def truncate(self, length: int) -> None:
        if not 0 <= length <= self._length:
            raise GenerationError(f"a cache of {self._length} tokens cannot be cut to {length}")
        self._length = length

    def note(self, ids: Ids, positions: Ids) -> None:
        """Record the ids and positions that row 0 was fed, [T] each."""
        end = self._length + len(ids)
        self._history[:, self._length : end] = ids, positions
        self._length = end


class CudaBackend:
    """One checkpoint on one torch device; see `Backend`. On a CPU nothing is recorded and weights stay in float32."""

    name = "cuda"

    def __init__(self, model: StaticModel) -> None:
        self._model: StaticModel | None = model
        self._writers: dict[int, DeviceWriter] = {}
        self.vocab_size, self.n_positions = model.config.vocab_size, model.config.n_positions

    @classmethod
    def from_checkpoint(cls, checkpoint: Checkpoint, device: str = "cuda") -> CudaBackend:
        """Half precision on a GPU. Raises GenerationError where there is none."""
        if device.startswith("cuda") and not torch.cuda.is_available():
            raise GenerationError("engine cuda needs an NVIDIA GPU and a torch build with CUDA; none found")
        dtype = torch.float16 if device.startswith("cuda") else torch.float32
        with _failing_clearly():
            return cls(StaticModel(checkpoint, torch.device(device), dtype))

    def new_cache(self, batch: int = 1) -> CudaCache:
        with _failing_clearly():
            return CudaCache(self._opened(), batch)

    @torch.inference_mode()
    def forward(self, cache: Cache, ids: Ids, positions: Ids) -> Logits:
        held, model = self._own(cache), self._opened()
        self._check(held, ids, positions)
        with _failing_clearly():
            if ids.shape[1] == 1:
                held.ids.copy_(torch.from_numpy(np.ascontiguousarray(ids)))
                held.position.copy_(torch.from_numpy(np.ascontiguousarray(positions)))
                logits = self._step(held, held.length)
            else:
                rows = torch.arange(held.length, held.length + ids.shape[1], device=model.device)
                fed, where = (
                    torch.from_numpy(np.ascontiguousarray(part)).to(model.device) for part in (ids, positions)
                )
                logits = model.step(held.memory, fed, where, rows, held.length + ids.shape[1])
            result = logits.cpu().numpy()
        held.note(ids[0], positions[0])
        return result

    @torch.inference_mode()
    def get_ready(self, cache: Cache, grammar: Grammar) -> None:
        """See `WritingBackend`."""
        held, model = self._own(cache), self._opened()
        with _failing_clearly():
            if model.records:
                for readable in range(BUCKET, model.capacity + 1, BUCKET):
                    self._recorded_step(held, readable)
            self._writer(grammar, 1, _FEWEST_TARGETS).record_all()

    def write(self, cache: Cache, grammar: Grammar, end: PromptEnd, infill: Infill) -> Iterator[list[list[int]]]:
        """See `WritingBackend`. Tokens come in batches; while one batch is read, the device writes the next one."""
        held = self._own(cache)
        with _failing_clearly():
            writer = self._writer(grammar, len(infill.uniforms), len(infill.targets))
            yield from writer.write(held.memory, held.length, end, infill)

    def _writer(self, grammar: Grammar, takes: int, targets: int) -> DeviceWriter:
        found = self._writers.pop(takes, None)
        if found is None or found.grammar is not grammar or found.most_targets < targets:
            found = DeviceWriter(self._opened(), grammar, takes, max(targets, _FEWEST_TARGETS))
        self._writers[takes] = found
        while len(self._writers) > _MOST_WRITERS:
            del self._writers[next(iter(self._writers))]
        return found

    def _step(self, cache: CudaCache, row: int) -> torch.Tensor:
        """One decoding step from the cache's own input tensors; logits [batch, vocab], overwritten by the next step."""
        model = self._opened()
        cache.row.fill_(row)
        readable = readable_rows(row + 1)
        if not model.records:
            return model.step(cache.memory, cache.ids, cache.position, cache.row, readable)
        self._recorded_step(cache, readable).replay()
        return cache.logits

    def _recorded_step(self, cache: CudaCache, readable: int) -> torch.cuda.CUDAGraph:
        if readable not in cache.recorded:
            model = self._opened()
            cache.recorded[readable] = record(
                lambda: cache.logits.copy_(model.step(cache.memory, cache.ids, cache.position, cache.row, readable))
            )
        return cache.recorded[readable]

    @torch.inference_mode()
    def append(self, cache: Cache, source: Cache, start: int, end: int) -> None:
        held, other = self._own(cache), self._own(source)
        rows = slice(held.length, held.length + end - start)
        with _failing_clearly():
            held.memory[..., rows, :] = other.memory[:, :, :1, :, start:end]
        held.note(*(part[start:end] for part in other.tokens))

    def close(self) -> None:
        self._model = None
        self._writers.clear()

    def _opened(self) -> StaticModel:
        if self._model is None:
            raise GenerationError("this engine is closed")
        return self._model

    def _own(self, cache: Cache) -> CudaCache:
        if not isinstance(cache, CudaCache):
            raise TypeError("this cache belongs to another engine")
        return cache

    def _check(self, cache: CudaCache, ids: Ids, positions: Ids) -> None:
        """Check on the host: a GPU reports a bad index late, and the error destroys the CUDA context of the whole process."""
        if ids.shape != positions.shape or ids.ndim != 2 or ids.shape[0] != cache.batch or not ids.size:
            raise GenerationError(f"ids {ids.shape} and positions {positions.shape} do not fit {cache.batch} sequences")
        if cache.length + ids.shape[1] > self.n_positions or positions.min() < 0 or positions.max() >= self.n_positions:
            raise GenerationError(f"the model reads at most {self.n_positions} positions")
        if ids.min() < 0 or ids.max() >= self.vocab_size:
            raise GenerationError(f"token ids must be in 0..{self.vocab_size - 1}")


@contextmanager
def _failing_clearly() -> Iterator[None]:
    """Turn torch's errors into one-line errors of ours."""
    try:
        yield
    except RuntimeError as error:
        raise GenerationError(f"the model failed: {str(error).splitlines()[0]}") from error
