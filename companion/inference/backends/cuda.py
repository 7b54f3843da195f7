"""The GPU engine: a static cache, decoding steps recorded as CUDA graphs, grammar and sampling on the device.

`forward` is the engine contract, one wait for the host a token. `generate` is the way for which the rest is made: the
host replays whole steps, model, grammar and draw, without waiting, and reads the tokens a little behind.

Not run on a GPU yet: the tests drive the same code on a CPU, step by step instead of recorded. Measure on hardware with
`companion bench --engine cuda`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np
import torch

from companion.errors import GenerationError
from companion.inference.backends.base import Cache, Ids, Logits
from companion.inference.backends.cuda_model import StaticModel, readable_rows

if TYPE_CHECKING:
    from companion.inference.backends.cuda_sampling import DeviceSampler
    from companion.inference.checkpoint import Checkpoint

AHEAD = 8  # steps in a batch: while one batch runs, the tokens of the one before are read


class CudaCache:
    """Rows of the static memory; see `Cache`."""

    def __init__(self, model: StaticModel, batch: int) -> None:
        self.memory = model.new_memory(batch)
        self._history = np.zeros((2, model.config.n_positions), dtype=np.int64)
        self._length = 0
        self.batch = batch
        self.ids = torch.zeros((batch, 1), dtype=torch.int64, device=model.device)
        self.position = torch.zeros((batch, 1), dtype=torch.int64, device=model.device)
        self.following = torch.zeros((1, 1), dtype=torch.int64, device=model.device)
        self.row = torch.zeros(1, dtype=torch.int64, device=model.device)
        self.logits = torch.zeros((batch, model.config.vocab_size), device=model.device)
        self.recorded: dict[int, torch.cuda.CUDAGraph] = {}

    @property
    def inputs(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        """What a recorded step reads: ids, positions, the row to write, and the position after it."""
        return self.ids, self.position, self.row, self.following

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

    def record(self, ids: Ids, positions: Ids) -> None:
        """Note what row 0 was fed, [T] each."""
        end = self._length + len(ids)
        self._history[:, self._length : end] = ids, positions
        self._length = end


class CudaBackend:
    """One checkpoint on one torch device; see `Backend`. On a CPU nothing is recorded and weights stay in float32."""

    name = "cuda"

    def __init__(self, model: StaticModel) -> None:
        self._model: StaticModel | None = model
        self.vocab_size, self.n_positions = model.config.vocab_size, model.config.n_positions

    @classmethod
    def from_checkpoint(cls, checkpoint: Checkpoint, device: str = "cuda") -> CudaBackend:
        """Half precision on a GPU. Raises GenerationError where there is none."""
        if device.startswith("cuda") and not torch.cuda.is_available():
            raise GenerationError("engine cuda needs an NVIDIA GPU and a torch build with CUDA; none found")
        dtype = torch.float16 if device.startswith("cuda") else torch.float32
        return cls(StaticModel(checkpoint, torch.device(device), dtype))

    def new_cache(self, batch: int = 1) -> CudaCache:
        return CudaCache(self._opened(), batch)

    @torch.inference_mode()
    def forward(self, cache: Cache, ids: Ids, positions: Ids) -> Logits:
        held, model = self._own(cache), self._opened()
        self._check(held, ids, positions)
        try:
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
        except RuntimeError as error:
            raise GenerationError(f"the model failed: {str(error).splitlines()[0]}") from error
        held.record(ids[0], positions[0])
        return result

    @torch.inference_mode()
    def generate(
        self,
        cache: Cache,
        first_id: int,
        first_position: int,
        next_position: int,
        sampler: DeviceSampler,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> Iterator[list[list[int]]]:
        """Feed the prompt's last token, then let every row write until it is done; yields each row's new tokens as they come.

        The cache keeps the prompt only: what was generated differs from row to row. At most two batches of `AHEAD` steps
        run on after `cancelled()` turns true. Raises GenerationError when the model fails.
        """
        held = self._own(cache)
        held.ids.fill_(first_id)
        held.position.fill_(first_position)
        held.following.fill_(next_position)
        held.row.fill_(held.length)
        room = min(sampler.tokens.shape[1], self.n_positions - max(held.length, next_position))
        seen = [0] * held.batch
        running: _Snapshot | None = None
        for start in range(0, room, AHEAD):
            for step in range(start, min(start + AHEAD, room)):
                self._chosen_step(held, sampler, held.length + step)
            running, before = _Snapshot(sampler), running
            if before is not None:
                fresh, finished = before.read(seen)
                yield fresh
                if finished or cancelled():
                    return
        if running is not None:
            yield running.read(seen)[0]

    def _chosen_step(self, cache: CudaCache, sampler: DeviceSampler, row: int) -> None:
        """One step that feeds itself: model, grammar, draw, and the next step's inputs. Replayed where there is a GPU."""
        readable = readable_rows(row + 1)
        if self._opened().device.type != "cuda":
            self._step_and_choose(cache, sampler, readable)
            return
        key = (id(cache), readable)
        if key not in sampler.recorded:
            kept = [(tensor, tensor.clone()) for tensor in (*cache.inputs, *sampler.state)]
            graph = _record(lambda: self._step_and_choose(cache, sampler, readable))
            for tensor, before in kept:
                tensor.copy_(before)
            sampler.recorded[key] = graph
        sampler.recorded[key].replay()

    def _step_and_choose(self, cache: CudaCache, sampler: DeviceSampler, readable: int) -> None:
        logits = self._opened().step(cache.memory, cache.ids, cache.position, cache.row, readable)
        cache.ids.copy_(sampler.choose(logits)[:, None])
        cache.position.copy_(cache.following.expand_as(cache.position))
        cache.following.add_(1)
        cache.row.add_(1)

    def _step(self, cache: CudaCache, row: int) -> torch.Tensor:
        """One decoding step from the cache's own input tensors; logits [batch, vocab], overwritten by the next step."""
        model = self._opened()
        cache.row.fill_(row)
        readable = readable_rows(row + 1)
        if model.device.type != "cuda":
            return model.step(cache.memory, cache.ids, cache.position, cache.row, readable)
        if readable not in cache.recorded:
            graph = _record(
                lambda: cache.logits.copy_(model.step(cache.memory, cache.ids, cache.position, cache.row, readable))
            )
            cache.recorded[readable] = graph
        cache.recorded[readable].replay()
        return cache.logits

    @torch.inference_mode()
    def fork(self, cache: Cache, batch: int) -> CudaCache:
        held = self._own(cache)
        copy = self.new_cache(batch)
        copy.memory[..., : held.length, :] = held.memory[:, :, :1, :, : held.length]
        copy.record(*held.tokens)
        return copy

    def close(self) -> None:
        self._model = None

    def _opened(self) -> StaticModel:
        if self._model is None:
            raise GenerationError("this engine is closed")
        return self._model

    def _own(self, cache: Cache) -> CudaCache:
        if not isinstance(cache, CudaCache):
            raise TypeError("this cache belongs to another engine")
        return cache

    def _check(self, cache: CudaCache, ids: Ids, positions: Ids) -> None:
        """Here, because a bad index on a GPU is found late and takes the whole process's context with it."""
        if ids.shape != positions.shape or ids.ndim != 2 or ids.shape[0] != cache.batch or not ids.size:
            raise GenerationError(f"ids {ids.shape} and positions {positions.shape} do not fit {cache.batch} sequences")
        if cache.length + ids.shape[1] > self.n_positions or positions.min() < 0 or positions.max() >= self.n_positions:
            raise GenerationError(f"the model reads at most {self.n_positions} positions")
        if ids.min() < 0 or ids.max() >= self.vocab_size:
            raise GenerationError(f"token ids must be in 0..{self.vocab_size - 1}")


def _record(step: Callable[[], object]) -> torch.cuda.CUDAGraph:
    """Capture `step`. It runs for real before that, as kernels and workspaces must exist when recording begins."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        step()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    return graph


class _Snapshot:
    """What has been written so far, on its way to the host while the device goes on."""

    def __init__(self, sampler: DeviceSampler) -> None:
        on_gpu = sampler.tokens.is_cuda
        self._parts = [
            torch.empty_like(part, device="cpu", pin_memory=on_gpu) for part in (sampler.tokens, sampler.done)
        ]
        for part, source in zip(self._parts, (sampler.tokens, sampler.done), strict=True):
            part.copy_(source, non_blocking=True)
        self._copied = torch.cuda.Event() if on_gpu else None
        if self._copied is not None:
            self._copied.record()

    def read(self, seen: list[int]) -> tuple[list[list[int]], bool]:
        """Tokens of every row that were not `seen` (which is brought up to date), and whether every row is done."""
        if self._copied is not None:
            self._copied.synchronize()
        tokens, done = self._parts
        fresh = [
            [token for token in row[count:] if token >= 0] for row, count in zip(tokens.tolist(), seen, strict=True)
        ]
        seen[:] = [count + len(new) for count, new in zip(seen, fresh, strict=True)]
        return fresh, bool(done.all())
