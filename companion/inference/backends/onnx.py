"""The CPU engine: ONNX Runtime over a graph with shared key-value buffers and quantised weights.

Knows nothing of music, grammar or sampling, and imports neither torch nor `onnx` once a graph is in the cache on disk.
Per token nothing is allocated, bound or copied but the token itself and its logits.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import onnxruntime

from companion.errors import CheckpointError, GenerationError
from companion.inference.backends import onnx_store
from companion.inference.backends.base import Cache, Ids, Logits

if TYPE_CHECKING:
    from companion.inference.checkpoint import Checkpoint

AUTO_SCHEME = "int8"
SCHEMES = ("fp32", "int8", "q8", "q4")


class OnnxCache:
    """Keys and values in buffers that the graph reads and writes in place; see `Cache`."""

    def __init__(self, session: onnxruntime.InferenceSession, config: Mapping[str, int], batch: int) -> None:
        head_size = config["n_embd"] // config["n_head"]
        shape = (batch, config["n_head"], config["n_positions"], head_size)
        names = [f"{kind}_{layer}" for layer in range(config["n_layer"]) for kind in ("key", "value")]
        # Zeroed pages are only backed by memory once written, so the capacity costs nothing until it is used.
        self.buffers = {name: np.zeros(shape, dtype=np.float32) for name in names}
        self._values = {name: _share(array) for name, array in self.buffers.items()}
        self._history = np.zeros((2, batch, config["n_positions"]), dtype=np.int64)
        self._length = 0
        self._session = session
        self._logits = np.zeros((batch, 1, config["vocab_size"]), dtype=np.float32)
        self._step = self._bind(1)

    @property
    def length(self) -> int:
        return self._length

    @property
    def batch(self) -> int:
        return self._logits.shape[0]

    @property
    def capacity(self) -> int:
        return self._history.shape[2]

    @property
    def tokens(self) -> tuple[Ids, Ids]:
        """(ids, positions) fed so far in row 0, each [length]; copies."""
        return self._history[0, 0, : self._length].copy(), self._history[1, 0, : self._length].copy()

    def truncate(self, length: int) -> None:
        if not 0 <= length <= self._length:
            raise GenerationError(f"a cache of {self._length} tokens cannot be cut to {length}")
        self._length = length

    def copy_from(self, other: OnnxCache) -> None:
        """Fill every row with row 0 of `other`."""
        length = other.length
        for name, buffer in self.buffers.items():
            buffer[:, :, :length] = other.buffers[name][:1, :, :length]
        self._history[:, :, :length] = other._history[:, :1, :length]
        self._length = length

    def run(self, ids: Ids, positions: Ids) -> Logits:
        """One pass over ids [batch, T] at positions [batch, T]; logits [batch, vocab] of the last token."""
        tokens = ids.shape[1]
        binding, inputs = self._step if tokens == 1 else self._bind(tokens)
        total = self._length + tokens
        inputs["ids"][:] = ids
        inputs["positions"][:] = positions
        inputs["seqlens"][:] = total - 1
        inputs["total"][...] = total
        self._session.run_with_iobinding(binding)
        self._history[0, :, self._length : total] = ids
        self._history[1, :, self._length : total] = positions
        self._length = total
        return self._logits[:, 0].copy()

    def _bind(self, tokens: int) -> tuple[onnxruntime.IOBinding, dict[str, npt.NDArray]]:
        """A binding for steps of `tokens`, and the arrays it reads: ONNX Runtime keeps their address, not them."""
        inputs: dict[str, npt.NDArray] = {
            "ids": np.zeros((self.batch, tokens), dtype=np.int64),
            "positions": np.zeros((self.batch, tokens), dtype=np.int64),
            "seqlens": np.zeros(self.batch, dtype=np.int32),
            "total": np.zeros((), dtype=np.int32),
        }
        binding = self._session.io_binding()
        for name, array in inputs.items():
            binding.bind_ortvalue_input(name, _share(array))
        for name, value in self._values.items():
            binding.bind_ortvalue_input(f"past_{name}", value)
            binding.bind_ortvalue_output(f"present_{name}", value)
        binding.bind_ortvalue_output("logits", _share(self._logits))
        return binding, inputs


class OnnxBackend:
    """One checkpoint as an ONNX Runtime session on the CPU; see `Backend`. One thread at a time may use a cache."""

    name = "onnx"

    def __init__(
        self, session: onnxruntime.InferenceSession, config: Mapping[str, Any], scheme: str, threads: int
    ) -> None:
        self.vocab_size = int(config["vocab_size"])
        self.n_positions = int(config["n_positions"])
        self.scheme = scheme
        self.threads = threads
        self._config = config
        self._session: onnxruntime.InferenceSession | None = session

    @classmethod
    def from_checkpoint(
        cls,
        checkpoint: Checkpoint,
        *,
        threads: int | None = None,
        quantization: str = "auto",
        cache_dir: Path | None = None,
    ) -> OnnxBackend:
        """Open the graph of `checkpoint`, building it first unless the cache on disk holds it.

        quantization: "auto", or one of `SCHEMES`. cache_dir: None for the user's cache folder.
        Raises CheckpointError when the weights do not make a graph that runs.
        """
        scheme = _scheme(quantization)
        known = checkpoint.path.exists()
        contents = onnx_store.hash_checkpoint(checkpoint.path) if known else _hash_weights(checkpoint.state_dict)
        folder = cache_dir or onnx_store.default_folder()
        key = onnx_store.entry_key(contents, scheme, onnxruntime.__version__)
        stored = onnx_store.find(folder, key)
        if stored is not None:
            return cls._open(stored.graph_path, stored.model_config, scheme, threads)
        graph, config = _build(checkpoint, scheme), asdict(checkpoint.config)
        stored = onnx_store.save(folder, key, graph, config, checkpoint.encoder_config.to_dict(), scheme)
        return cls._open(stored.graph_path if stored else graph, config, scheme, threads)

    @classmethod
    def _open(cls, graph: Path | bytes, config: Mapping[str, Any], scheme: str, threads: int | None) -> OnnxBackend:
        count = threads or default_threads()
        source = graph if isinstance(graph, bytes) else str(graph)
        try:
            session = onnxruntime.InferenceSession(source, _options(count), providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime raises a dozen unrelated types, none with a common base
            raise CheckpointError(f"ONNX Runtime cannot run this checkpoint: {_first_line(error)}") from error
        return cls(session, config, scheme, count)

    def new_cache(self, batch: int = 1) -> OnnxCache:
        return OnnxCache(self._open_session(), self._config, batch)

    def forward(self, cache: Cache, ids: Ids, positions: Ids) -> Logits:
        if not isinstance(cache, OnnxCache):
            raise TypeError("this cache belongs to another engine")
        if ids.shape != positions.shape or ids.ndim != 2 or ids.shape[0] != cache.batch or ids.shape[1] == 0:
            raise GenerationError(f"ids {ids.shape} and positions {positions.shape} do not fit {cache.batch} sequences")
        if cache.length + ids.shape[1] > self.n_positions:
            raise GenerationError(
                f"{cache.length + ids.shape[1]} tokens exceed the model's {self.n_positions} positions"
            )
        # The attention kernel takes several tokens after a non-empty cache for one sequence only.
        whole = cache.batch == 1 or cache.length == 0
        pieces = [slice(None)] if whole else [slice(at, at + 1) for at in range(ids.shape[1])]
        before = cache.length
        try:
            return [cache.run(ids[:, piece], positions[:, piece]) for piece in pieces][-1]
        except Exception as error:
            cache.truncate(before)
            raise GenerationError(f"the model failed: {_first_line(error)}") from error

    def fork(self, cache: Cache, batch: int) -> OnnxCache:
        if not isinstance(cache, OnnxCache):
            raise TypeError("this cache belongs to another engine")
        copy = self.new_cache(batch)
        copy.copy_from(cache)
        return copy

    def close(self) -> None:
        self._session = None

    def _open_session(self) -> onnxruntime.InferenceSession:
        if self._session is None:
            raise GenerationError("this engine is closed")
        return self._session


def open_cached(
    path: Path, *, threads: int | None = None, quantization: str = "auto", cache_dir: Path | None = None
) -> tuple[OnnxBackend, dict[str, Any], dict[str, Any]] | None:
    """(engine, model config, encoder config) of the checkpoint file at `path` if its graph is cached; None if it must be built.

    The quick way in: no torch, no `onnx`.
    """
    scheme = _scheme(quantization)
    try:
        contents = onnx_store.hash_checkpoint(path)
    except OSError:
        return None
    folder = cache_dir or onnx_store.default_folder()
    stored = onnx_store.find(folder, onnx_store.entry_key(contents, scheme, onnxruntime.__version__))
    if stored is None:
        return None
    try:
        backend = OnnxBackend._open(stored.graph_path, stored.model_config, scheme, threads)
    except CheckpointError:
        return None
    return backend, stored.model_config, stored.encoder_config


def default_threads() -> int:
    """How many cores decoding should use: half of them, at most four; more wait on each other when one is busy."""
    return max(1, min(4, (os.cpu_count() or 2) // 2))


def _scheme(quantization: str) -> str:
    scheme = AUTO_SCHEME if quantization == "auto" else quantization
    if scheme not in SCHEMES:
        raise CheckpointError(f"unknown quantization {quantization!r}: auto, {', '.join(SCHEMES)}")
    return scheme


def _options(threads: int) -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # A spinning thread that waits for one the scheduler has put aside burns the very core that one needs.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    return options


def _build(checkpoint: Checkpoint, scheme: str) -> bytes:
    from companion.inference.backends.onnx_graph import build_graph

    weights = {name: tensor.numpy() for name, tensor in checkpoint.state_dict.items()}
    return build_graph(weights, checkpoint.config, scheme).SerializeToString()


def _hash_weights(weights: Mapping[str, Any]) -> str:
    digest = hashlib.sha256()
    for name in sorted(weights):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(weights[name].numpy()).tobytes())
    return digest.hexdigest()


def _share(array: npt.NDArray) -> Any:
    """An OrtValue over the array's own memory; the array must outlive it."""
    return onnxruntime.OrtValue.ortvalue_from_numpy(array)


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
