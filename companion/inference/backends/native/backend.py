"""The engine over our own kernels; see `csrc/engine.c` and `csrc/step.c` for what they compute. It checks everything that they are passed.

Weights, keys and values are bytes with scales, each read once for a token. Prompts are shared among all cores that are free.
Single tokens are shared while the measured times say that it helps.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from companion.errors import GenerationError
from companion.inference.backends.base import Cache, Ids, Logits
from companion.inference.backends.folding import Weights
from companion.inference.backends.native.library import (
    MOST_HEAD_SIZE,
    MOST_ROWS,
    WIDTH_UNIT,
    Call,
    NotBuiltError,
    open_library,
)
from companion.inference.backends.native.sequences import Memory, NativeCache, NativeRows, Sequence
from companion.inference.backends.native.weights import load_weights
from companion.inference.backends.rows import Rows
from companion.inference.backends.thread_choice import ThreadChoice
from companion.inference.backends.threads import default_threads
from companion.inference.checkpoints.files import ModelConfig

if TYPE_CHECKING:
    from companion.inference.checkpoints.files import Checkpoint

_ALIGNMENT = 64


class NativeBackend:
    """One checkpoint on our own kernels; see `Backend`."""

    name = "native"
    scheme = "native-kv8"  # what a token reads, for the bench

    def __init__(self, weights: Weights, config: ModelConfig, threads: int | None = None, kernels: str = "") -> None:
        """threads: for prompts; None for every core up to four. kernels: a variant of the kernels, for tests; "" takes the best.

        Raises GenerationError when the kernels are missing or cannot run this model.
        """
        if why := why_not(config):
            raise GenerationError(f"engine native is not available: {why}")
        self._library = open_library()
        self.vocab_size, self.n_positions = config.vocab_size, config.n_positions
        self.threads = threads or default_threads()
        self._lock = threading.Lock()
        self._engine: int | None = self._library.companion_open(
            config.vocab_size, config.n_positions, config.n_embd, config.n_layer, config.n_head,
            self.threads, kernels.encode(),
        )  # fmt: skip
        if not self._engine:
            missing = f", or no {kernels} kernels on this processor" if kernels else ""
            raise GenerationError(f"not enough memory for the model{missing}")
        load_weights(self._library, self._engine, weights, config)
        self._cache_bytes = int(self._library.companion_cache_bytes(self._engine))
        self._logits = np.zeros((1, config.vocab_size), dtype=np.float32)
        self._calls = (Call * MOST_ROWS)()
        self._choices: dict[int, ThreadChoice] = {}  # by the number of rows, since only like steps compare
        self._rows: NativeRows | None = None  # one batch of parts at a time, so its memory is kept

    @classmethod
    def from_checkpoint(cls, checkpoint: Checkpoint, threads: int | None = None, kernels: str = "") -> NativeBackend:
        """The engine of a loaded checkpoint; raises GenerationError."""
        weights = {name: tensor.numpy() for name, tensor in checkpoint.state_dict.items()}
        return cls(weights, checkpoint.config, threads, kernels)

    @property
    def kernels(self) -> str:
        """The variant of the kernels that runs, by the processor's instructions."""
        return self._library.companion_kernels(self._opened()).decode()

    def new_memory(self) -> Memory:
        """Room for one sequence."""
        room = np.zeros(self._cache_bytes + _ALIGNMENT, dtype=np.uint8)
        start = -room.ctypes.data % _ALIGNMENT
        return Memory(room[start : start + self._cache_bytes], room.ctypes.data + start)

    def new_cache(self, batch: int = 1) -> NativeCache:
        self._opened()
        return NativeCache(self, batch)

    def forward(self, cache: Cache, ids: Ids, positions: Ids) -> Logits:
        if not isinstance(cache, NativeCache):
            raise TypeError("this cache belongs to another engine")
        if ids.shape != positions.shape or ids.ndim != 2 or ids.shape[0] != cache.batch or ids.shape[1] == 0:
            raise GenerationError(f"ids {ids.shape} and positions {positions.shape} do not fit {cache.batch} sequences")
        ids, positions = self._checked(ids, positions, cache.length + ids.shape[1])
        if ids.shape[1] == 1:
            logits = self._step([Sequence(memory, cache.length) for memory in cache.memory], ids[:, 0], positions[:, 0])
        else:
            logits = np.stack([self._feed(cache, row, ids[row], positions[row]) for row in range(cache.batch)])
        cache.note(ids[0], positions[0])
        return logits

    def append(self, cache: Cache, source: Cache, start: int, end: int) -> None:
        if not (isinstance(cache, NativeCache) and isinstance(source, NativeCache)):
            raise TypeError("this cache belongs to another engine")
        if not 0 <= start <= end <= source.length or cache.length + end - start > self.n_positions:
            raise GenerationError(f"tokens {start} to {end} of {source.length} cannot be added to {cache.length}")
        for memory in cache.memory:
            self.copy(memory, cache.length, source.memory[0], start, end)
        cache.note(*source.history(start, end))

    def copy(self, to: Memory, at: int, source: Memory, start: int, end: int) -> None:
        """Copy tokens [start, end) of one memory to the places from `at` on of another."""
        with self._lock:
            self._library.companion_copy(self._opened(), to.address, at, source.address, start, end)

    def new_rows(self, most: int) -> NativeRows:
        self._opened()
        if self._rows is None or self._rows.most < most:
            self._rows = NativeRows(self, most)
        self._rows.clear()
        return self._rows

    def step(self, rows: Rows, ids: Ids, positions: Ids) -> Logits:
        if not isinstance(rows, NativeRows):
            raise TypeError("these rows belong to another engine")
        if ids.shape != (rows.count,) or positions.shape != ids.shape or not rows.count:
            raise GenerationError(f"ids {ids.shape} and positions {positions.shape} do not fit {rows.count} rows")
        ids, positions = self._checked(ids, positions, max(rows.lengths) + 1)
        logits = self._step(rows.sequences, ids, positions)
        rows.stepped()
        return logits

    def close(self) -> None:
        with self._lock:
            engine, self._engine, self._rows = self._engine, None, None
            if engine:
                self._library.companion_close(engine)

    def __del__(self) -> None:
        if getattr(self, "_engine", None):
            self.close()

    def _checked(self, ids: Ids, positions: Ids, tokens: int) -> tuple[Ids, Ids]:
        """Ids and positions as the kernels need them, `tokens` in all. Raises GenerationError for what they must not be passed."""
        if tokens > self.n_positions:
            raise GenerationError(f"{tokens} tokens exceed the model's {self.n_positions} positions")
        ids, positions = np.ascontiguousarray(ids, dtype=np.int64), np.ascontiguousarray(positions, dtype=np.int64)
        for values, end, what in ((ids, self.vocab_size, "tokens"), (positions, self.n_positions, "positions")):
            # For a single token, numpy's own search would cost as much as a layer of a small model.
            low, high = (values.item(),) * 2 if values.size == 1 else (values.min(), values.max())
            if low < 0 or high >= end:
                raise GenerationError(f"the model failed: there are {end} {what}")
        return ids, positions

    def _feed(self, cache: NativeCache, row: int, ids: Ids, positions: Ids) -> Logits:
        """Feed ids [T] to one sequence; logits [vocab]."""
        with self._lock:
            self._library.companion_feed(
                self._opened(), cache.memory[row].address, cache.length, ids.ctypes.data, positions.ctypes.data,
                len(ids), self._logits.ctypes.data,
            )  # fmt: skip
            return self._logits[0].copy()

    def _step(self, sequences: Iterable[Sequence], ids: Ids, positions: Ids) -> Logits:
        """Feed one token to each sequence; logits [rows, vocab]."""
        count = len(ids)
        logits = np.empty((count, self.vocab_size), dtype=np.float32)
        tokens = list(zip(sequences, ids.tolist(), positions.tolist(), strict=True))
        for start in range(0, count, MOST_ROWS):
            with self._lock:
                for call, (sequence, token, position) in zip(self._calls, tokens[start:], strict=False):
                    call.memory, call.length = sequence.memory.address, sequence.length
                    call.shared = None if sequence.borrowed is None else sequence.borrowed.address
                    call.shared_length, call.id, call.position = sequence.borrowed_length, token, position
                rows = min(MOST_ROWS, count - start)
                choice = self._choices.setdefault(rows, ThreadChoice())
                started = perf_counter()
                self._library.companion_step(
                    self._opened(), self._calls, rows, self.threads > 1 and choice.together,
                    logits.ctypes.data + logits.itemsize * start * self.vocab_size,
                )  # fmt: skip
                choice.took(perf_counter() - started)
        return logits

    def _opened(self) -> int:
        if not self._engine:
            raise GenerationError("this engine is closed")
        return self._engine


def why_not(config: ModelConfig) -> str:
    """Why this engine cannot run a model here; empty if it can."""
    try:
        open_library()
    except NotBuiltError as error:
        return str(error)
    if config.n_embd % WIDTH_UNIT or config.n_embd // config.n_head > MOST_HEAD_SIZE:
        return f"the model's width must be a multiple of {WIDTH_UNIT}, with heads of at most {MOST_HEAD_SIZE} channels"
    return ""
