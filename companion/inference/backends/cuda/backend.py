"""The GPU engine: a pool of keys and values, and steps recorded as CUDA graphs.

`forward` fulfils the engine contract and waits for the host once per call. `begin` is the fast path: whole steps (model,
grammar and draw) are replayed without waiting (see `cuda.writing`). Recordings and memory belong to the engine. A cache only
borrows a slot of the pool, so nothing is recorded or allocated for a new cache or a new bar.

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
from companion.inference.backends.cuda.feeding import Feeder
from companion.inference.backends.cuda.kernels import use_fused
from companion.inference.backends.cuda.model import StaticModel, readable_rows
from companion.inference.backends.cuda.pool import Pool
from companion.inference.backends.cuda.recording import Recorder
from companion.inference.backends.cuda.writing.sampling import MOST_BARS, MOST_OPENED
from companion.inference.backends.cuda.writing.writer import DeviceWriter
from companion.inference.backends.writing import Infill, PromptEnd, Written
from companion.tokenizer.grammar import Grammar

if TYPE_CHECKING:
    from companion.inference.checkpoints.files import Checkpoint


class CudaCache:
    """Slots of the pool; see `Cache`. A cache whose slots were given up is empty, and borrows others when it is used again.

    A batch too large for the pool has memory of its own. Only offline work asks for one.
    """

    def __init__(self, model: StaticModel, pool: Pool, batch: int) -> None:
        self._pool, self.batch = pool, batch
        self._own = model.new_memory(batch) if batch > pool.plan.lent else None
        self._slots = tuple(range(batch)) if self._own is not None else pool.lend(self, batch)
        self._history = np.zeros((2, model.config.n_positions), dtype=np.int64)
        self._length = 0

    @property
    def length(self) -> int:
        return self._length

    @property
    def tokens(self) -> tuple[Ids, Ids]:
        """(ids, positions) fed so far in row 0, each [length]; copies."""
        return self._history[0, : self._length].copy(), self._history[1, : self._length].copy()

    @property
    def pooled(self) -> bool:
        """Whether the cache is in the pool."""
        return self._own is None

    @property
    def memory(self) -> torch.Tensor:
        """Where the keys and values are: [layers, 2, slots, capacity, width]."""
        return self._pool.memory if self._own is None else self._own

    def slots(self) -> tuple[int, ...]:
        """The slots of `memory` that hold the sequences. They are in use now, so they are not given up next."""
        if self.pooled:
            if not self._slots:
                self._slots = self._pool.lend(self, self.batch)
            self._pool.note_use(self._slots)
        return self._slots

    def give_up(self) -> None:
        """See `pool.Holder`."""
        self._slots, self._length = (), 0

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

    def __init__(self, model: StaticModel, recorder: Recorder | None = None) -> None:
        """`kernels` says how steps are done: "plain", "fused", or "plain: " and why the fused kernels are not used."""
        self.kernels = "plain"
        self._model: StaticModel | None = model
        self.recorder = recorder or Recorder.for_device(model.device)
        self.pool = Pool(model)
        self._feeder: Feeder | None = Feeder(model, self.pool, self.recorder)
        self._writer: DeviceWriter | None = None
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
            return CudaCache(self._opened(), self.pool, batch)

    @torch.inference_mode()
    def forward(self, cache: Cache, ids: Ids, positions: Ids) -> Logits:
        held = self._own(cache)
        self._check(held, ids, positions)
        with _failing_clearly():
            if held.batch == 1 and held.pooled:
                logits = self._feeding().feed(held.slots()[0], held.length, ids[0], positions[0])
            else:
                logits = self._feed_batch(held, ids, positions)
            result = logits.to("cpu", copy=True).numpy()
        held.note(ids[0], positions[0])
        return result

    def _feed_batch(self, cache: CudaCache, ids: Ids, positions: Ids) -> torch.Tensor:
        """Feed several sequences at once, which is not recorded: live play writes takes on the desk."""
        model, end = self._opened(), cache.length + ids.shape[1]
        fed, where = (torch.from_numpy(np.ascontiguousarray(part)).to(model.device) for part in (ids, positions))
        rows = torch.arange(cache.length, end, device=model.device).expand(cache.batch, -1)
        slots = torch.tensor(cache.slots(), device=model.device)
        return model.step(cache.memory, fed, where, rows, slots, readable_rows(end))

    @property
    def device(self) -> str:
        """Where the model runs, in torch's words: "cuda", "cpu"."""
        return self._opened().device.type

    @property
    def launches(self) -> int | None:
        """How many kernels a fused step starts; None for plain steps."""
        return None if self._writer is None or self._writer.fused is None else self._writer.fused.kernels

    @property
    def most_rows(self) -> int:
        """See `WritingBackend`."""
        return self.pool.plan.desk

    @torch.inference_mode()
    def get_ready(self, grammar: Grammar) -> None:
        """See `WritingBackend`. Records every step of live play."""
        with _failing_clearly():
            self._feeding().record_all()
            self._writer_for(grammar).record_all()

    def begin(self, grammar: Grammar) -> CudaWriting:
        """See `WritingBackend`. Tokens come in batches; while one batch is read, the device writes the next one."""
        with _failing_clearly():
            return CudaWriting(self._writer_for(grammar))

    def refusals(self, infill: Infill) -> list[str]:
        """See `WritingBackend`."""
        found = []
        if len(infill.targets) > MOST_BARS:
            found.append(f"more than {MOST_BARS} bars at once")
        if any(len(opening) > MOST_OPENED for opening in infill.openings):
            found.append(f"a bar that begins with more than {MOST_OPENED} tokens")
        return found

    def _writer_for(self, grammar: Grammar) -> DeviceWriter:
        if self._writer is None or self._writer.grammar is not grammar:
            self._writer = DeviceWriter(self._opened(), self.pool, self.recorder, grammar)
            if self._opened().device.type != "cpu":
                self.kernels = use_fused(self._writer, self._opened(), self.pool.memory)
        return self._writer

    @torch.inference_mode()
    def append(self, cache: Cache, source: Cache, start: int, end: int) -> None:
        held, other = self._own(cache), self._own(source)
        rows = slice(held.length, held.length + end - start)
        with _failing_clearly():
            given = other.memory[:, :, other.slots()[0], start:end]
            for slot in held.slots():
                held.memory[:, :, slot, rows] = given
        held.note(*(part[start:end] for part in other.tokens))

    def close(self) -> None:
        self._model = self._writer = self._feeder = None
        self.pool.free()

    def _opened(self) -> StaticModel:
        if self._model is None:
            raise GenerationError("this engine is closed")
        return self._model

    def _feeding(self) -> Feeder:
        if self._feeder is None:
            raise GenerationError("this engine is closed")
        return self._feeder

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


class CudaWriting:
    """One batch on the desk; see `Writing`."""

    def __init__(self, writer: DeviceWriter) -> None:
        self._writer = writer
        self._parts: list[tuple[PromptEnd, int, Infill]] = []

    @torch.inference_mode()
    def add(self, cache: Cache, end: PromptEnd, infill: Infill) -> None:
        if not isinstance(cache, CudaCache):
            raise TypeError("this cache belongs to another engine")
        first = sum(len(part.uniforms) for _, _, part in self._parts)
        rows = len(infill.uniforms)
        if first + rows > self._writer.rows:
            raise GenerationError(f"a batch has room for {self._writer.rows} rows")
        bars = len(infill.targets) + sum(len(part.targets) for _, _, part in self._parts)
        if bars > MOST_BARS:
            raise GenerationError(f"a batch has room for {MOST_BARS} bars")
        with _failing_clearly():
            self._writer.place(cache.memory, cache.slots()[0], cache.length, first, rows)
        self._parts.append((end, cache.length, infill))

    def run(self) -> Iterator[Written]:
        with _failing_clearly():
            yield from self._writer.write(self._parts)


@contextmanager
def _failing_clearly() -> Iterator[None]:
    """Turn torch's errors into one-line errors of ours."""
    try:
        yield
    except RuntimeError as error:
        raise GenerationError(f"the model failed: {str(error).splitlines()[0]}") from error
