"""The CPU engine: ONNX Runtime over graphs with shared key-value buffers and quantised weights.

This module knows nothing of music, grammar or sampling. It imports neither torch nor `onnx` once its graphs are cached on disk.
Two graphs share one memory (see `onnx.memory`): prefill computes on float keys and values, and decoding reads them as bytes.
For each token, only the token itself and its logits are copied; nothing is allocated or bound.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import onnxruntime

from companion.errors import CheckpointError, GenerationError
from companion.inference.backends.base import Cache, Ids, Logits
from companion.inference.backends.onnx import store as onnx_store
from companion.inference.backends.onnx.building import build_graphs, cached_graphs
from companion.inference.backends.onnx.memory import Memory
from companion.inference.backends.onnx.rows import OnnxRows, share
from companion.inference.backends.onnx.schemes import SCHEMES, automatic_scheme, checked_scheme
from companion.inference.backends.onnx.sessions import Sessions, open_sessions
from companion.inference.backends.onnx.store import Stored
from companion.inference.backends.rows import Rows
from companion.inference.backends.thread_choice import ThreadChoice
from companion.inference.backends.threads import default_threads

if TYPE_CHECKING:
    from companion.inference.checkpoints.files import Checkpoint

# Up to a few hundred tokens, the plain attention kernel prefills a fifth faster than the tiled one, which saves memory.
os.environ.setdefault("ORT_GQA_DISABLE_FLASH_ATTENTION", "1")

MOST_STEPS = 32  # how many prepared calls are kept; preparing one takes a quarter of a millisecond
DECODE_TOKENS = 8  # up to this many tokens at once go through the decoding graph


class OnnxCache:
    """Keys and values in buffers that the graphs read and write in place; see `Cache`."""

    def __init__(self, sessions: Sessions, config: Mapping[str, int], batch: int, choice: ThreadChoice) -> None:
        heads, capacity, head_size = config["n_head"], config["n_positions"], config["n_embd"] // config["n_head"]
        self.memory = Memory(batch, config["n_layer"], heads, capacity, head_size, sessions.byte_cache)
        self._history = np.zeros((2, batch, capacity), dtype=np.int64)
        self._logits = np.zeros((batch, 1, config["vocab_size"]), dtype=np.float32)
        self._length = 0
        self._sessions = sessions
        self._choice = choice
        self._steps: dict[tuple[bool, bool, int], _Step] = {}

    @property
    def length(self) -> int:
        return self._length

    @property
    def batch(self) -> int:
        return self._logits.shape[0]

    @property
    def tokens(self) -> tuple[Ids, Ids]:
        """(ids, positions) fed so far in row 0, each [length]; copies."""
        return self._history[0, 0, : self._length].copy(), self._history[1, 0, : self._length].copy()

    def truncate(self, length: int) -> None:
        if not 0 <= length <= self._length:
            raise GenerationError(f"a cache of {self._length} tokens cannot be cut to {length}")
        self._length = length
        self.memory.truncate(length)

    def append(self, other: OnnxCache, start: int, end: int) -> None:
        """Add tokens [start, end) of row 0 of `other` to every row."""
        rows = slice(self._length, self._length + end - start)
        self.memory.append(other.memory, start, end, rows.start)
        self._history[:, :, rows] = other._history[:, :1, start:end]
        self._length = rows.stop

    def run(self, ids: Ids, positions: Ids) -> Logits:
        """Run one pass over ids [batch, T] at positions [batch, T]. Returns logits [batch, vocab] of the last token."""
        tokens = ids.shape[1]
        first, total = self._length, self._length + tokens
        as_bytes = tokens <= DECODE_TOKENS and self.memory.can_decode_packed
        if as_bytes:
            self._step(as_bytes, ids, positions, total)
            as_bytes = not self.memory.overflowed(first, total)  # if not, the pass is repeated on floats
        if as_bytes:
            self.memory.wrote_packed(total)
        else:
            self.memory.make_exact(first)
            self._step(as_bytes, ids, positions, total)
            self.memory.wrote_exact(total)
        self._history[0, :, first:total] = ids
        self._history[1, :, first:total] = positions
        self._length = total
        return self._logits[:, 0].copy()

    def _step(self, as_bytes: bool, ids: Ids, positions: Ids, total: int) -> None:
        """Run a graph so that the memory holds `total` rows."""
        tokens = ids.shape[1]
        together = self._choice.together and self._sessions.awake is not None
        step = self._steps.get((together, as_bytes, tokens)) or self._bind(together, as_bytes, tokens)
        step.inputs["ids"][:] = ids
        step.inputs["positions"][:] = positions
        step.inputs["seqlens"][:] = total - 1
        step.inputs["total"][...] = total
        started = perf_counter()
        step.session.run_with_iobinding(step.binding)
        if tokens == 1:
            self._choice.took(perf_counter() - started)

    def _bind(self, together: bool, as_bytes: bool, tokens: int) -> _Step:
        """The prepared call for a step of `tokens` tokens. It is kept for the next step of that size."""
        session = self._sessions.choose(together, as_bytes)
        inputs: dict[str, npt.NDArray] = {
            "ids": np.zeros((self.batch, tokens), dtype=np.int64),
            "positions": np.zeros((self.batch, tokens), dtype=np.int64),
            "seqlens": np.zeros(self.batch, dtype=np.int32),
            "total": np.zeros((), dtype=np.int32),
        }
        binding = session.io_binding()
        for name, array in inputs.items():
            binding.bind_ortvalue_input(name, share(array))
        for name, array in (self.memory.packed if as_bytes else self.memory.exact).items():
            value = share(array)
            binding.bind_ortvalue_input(f"past_{name}", value)
            binding.bind_ortvalue_output(f"present_{name}", value)
        for name, array in self.memory.scales.items() if as_bytes else ():
            binding.bind_ortvalue_input(f"scale_{name}", share(array))
        binding.bind_ortvalue_output("logits", share(self._logits))
        step = _Step(session, binding, inputs)
        if len(self._steps) >= MOST_STEPS:
            self._steps.clear()
        self._steps[together, as_bytes, tokens] = step
        return step


class _Step(NamedTuple):
    """A prepared call and the arrays it reads. ONNX Runtime keeps only their addresses, so they must be kept alive here."""

    session: onnxruntime.InferenceSession
    binding: onnxruntime.IOBinding
    inputs: dict[str, npt.NDArray]


class OnnxBackend:
    """One checkpoint as an ONNX Runtime session on the CPU; see `Backend`. One thread at a time may use a cache."""

    name = "onnx"

    def __init__(self, sessions: Sessions, config: Mapping[str, Any], scheme: str, threads: int) -> None:
        self.vocab_size = int(config["vocab_size"])
        self.n_positions = int(config["n_positions"])
        self.scheme = scheme
        self.threads = threads
        self._config = config
        self._sessions: Sessions | None = sessions
        self._choices: dict[int, ThreadChoice] = {}
        self._rows: OnnxRows | None = None  # one batch of parts at a time, so its memory is kept

    @classmethod
    def from_checkpoint(
        cls,
        checkpoint: Checkpoint,
        *,
        threads: int | None = None,
        quantization: str = "auto",
        cache_dir: Path | None = None,
    ) -> OnnxBackend:
        """Open the graph of `checkpoint`. It is built first unless the cache on disk holds it.

        quantization: one of `schemes.SCHEMES`, or "auto", which uses float keys and values where this ONNX Runtime does not
        support byte ones. cache_dir: None for the user's cache folder.
        Raises CheckpointError when the weights do not make a graph that runs.
        """
        automatic = checked_scheme(quantization) == "auto"
        folder = cache_dir or onnx_store.default_folder()
        scheme = automatic_scheme(checkpoint.config.n_embd, folder) if automatic else quantization
        try:
            return cls._from_checkpoint(checkpoint, scheme, threads, folder)
        except CheckpointError:
            plain = SCHEMES[scheme].weights
            if not automatic or plain == scheme:
                raise
            return cls._from_checkpoint(checkpoint, plain, threads, folder)

    @classmethod
    def _from_checkpoint(cls, checkpoint: Checkpoint, scheme: str, threads: int | None, folder: Path) -> OnnxBackend:
        known = checkpoint.path.exists()
        contents = onnx_store.hash_checkpoint(checkpoint.path) if known else _hash_weights(checkpoint.state_dict)
        key = onnx_store.entry_key(contents, scheme, onnxruntime.__version__)
        stored = onnx_store.find(folder, key)
        if stored is not None:
            return cls._open(stored.graphs, stored.model_config, scheme, threads)
        weights = {name: tensor.numpy() for name, tensor in checkpoint.state_dict.items()}
        graphs, config = build_graphs(weights, checkpoint.config, SCHEMES[scheme]), asdict(checkpoint.config)
        encoder = checkpoint.encoder_config.to_dict()
        stored = onnx_store.save(folder, key, graphs, config, encoder, checkpoint.chord_guide)
        return cls._open(stored.graphs if stored else graphs, config, scheme, threads)

    @classmethod
    def _open(
        cls, graphs: Sequence[Path | bytes], config: Mapping[str, Any], scheme: str, threads: int | None
    ) -> OnnxBackend:
        """`graphs`: the one for prefill, then the one for decoding if it differs."""
        count = threads or default_threads()
        try:
            sessions = open_sessions(graphs, count)
        except Exception as error:  # ONNX Runtime raises a dozen unrelated types, none with a common base
            raise CheckpointError(f"ONNX Runtime cannot run this checkpoint: {_first_line(error)}") from error
        return cls(sessions, config, scheme, count)

    def new_cache(self, batch: int = 1) -> OnnxCache:
        return OnnxCache(self._opened(), self._config, batch, self._choices.setdefault(batch, ThreadChoice()))

    def forward(self, cache: Cache, ids: Ids, positions: Ids) -> Logits:
        if not isinstance(cache, OnnxCache):
            raise TypeError("this cache belongs to another engine")
        if ids.shape != positions.shape or ids.ndim != 2 or ids.shape[0] != cache.batch or ids.shape[1] == 0:
            raise GenerationError(f"ids {ids.shape} and positions {positions.shape} do not fit {cache.batch} sequences")
        if cache.length + ids.shape[1] > self.n_positions:
            raise GenerationError(
                f"{cache.length + ids.shape[1]} tokens exceed the model's {self.n_positions} positions"
            )
        # After a non-empty cache, the attention kernel accepts several tokens only for a single sequence.
        whole = cache.batch == 1 or cache.length == 0
        pieces = [slice(None)] if whole else [slice(at, at + 1) for at in range(ids.shape[1])]
        before = cache.length
        try:
            return [cache.run(ids[:, piece], positions[:, piece]) for piece in pieces][-1]
        except Exception as error:
            cache.truncate(before)
            raise GenerationError(f"the model failed: {_first_line(error)}") from error

    def append(self, cache: Cache, source: Cache, start: int, end: int) -> None:
        if not (isinstance(cache, OnnxCache) and isinstance(source, OnnxCache)):
            raise TypeError("this cache belongs to another engine")
        cache.append(source, start, end)

    def new_rows(self, most: int) -> OnnxRows:
        if self._rows is None or self._rows.most < most:
            self._rows = OnnxRows(self._opened(), self._config, most)
        self._rows.clear()
        return self._rows

    def step(self, rows: Rows, ids: Ids, positions: Ids) -> Logits:
        if not isinstance(rows, OnnxRows):
            raise TypeError("these rows belong to another engine")
        try:
            return rows.run(ids, positions)
        except Exception as error:
            raise GenerationError(f"the model failed: {_first_line(error)}") from error

    def close(self) -> None:
        self._sessions = self._rows = None

    def _opened(self) -> Sessions:
        if self._sessions is None:
            raise GenerationError("this engine is closed")
        return self._sessions


def open_cached(
    path: Path, *, threads: int | None = None, quantization: str = "auto", cache_dir: Path | None = None
) -> tuple[OnnxBackend, Stored] | None:
    """The engine of the checkpoint file at `path` and the checkpoint, if its graph is cached; None if the graph must be built.

    This is the quick way to open a checkpoint: it needs neither torch nor `onnx`.
    """
    found = cached_graphs(path, quantization=quantization, cache_dir=cache_dir)
    if found is None:
        return None
    stored, scheme = found
    try:
        backend = OnnxBackend._open(stored.graphs, stored.model_config, scheme, threads)
    except CheckpointError:
        return None
    return backend, stored


def _hash_weights(weights: Mapping[str, Any]) -> str:
    digest = hashlib.sha256()
    for name in sorted(weights):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(weights[name].numpy()).tobytes())
    return digest.hexdigest()


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
