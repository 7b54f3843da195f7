"""The interface of an engine: it runs the model over tokens and keeps a key-value cache that can be rewound.

A backend knows nothing of music, grammar or sampling. Hidden bars need no attention mask. Their tokens are left out, and the
other tokens keep their original position ids. This is exactly equal to masking the hidden keys for every query, because no
visible token attends to them. The mask modes therefore need only `positions`.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

Ids = npt.NDArray[np.int64]
Logits = npt.NDArray[np.float32]


@runtime_checkable
class Cache(Protocol):
    """Keys and values of `batch` sequences of equal `length`, owned by the backend that made it.

    `tokens` holds the (ids, positions) fed so far in batch row 0. Prefix reuse compares new prompts with it.
    """

    @property
    def length(self) -> int: ...

    @property
    def batch(self) -> int: ...

    @property
    def tokens(self) -> tuple[Ids, Ids]: ...

    def truncate(self, length: int) -> None:
        """Forget everything after the first `length` tokens; O(1)."""
        ...


class Backend(Protocol):
    """One loaded model on one device."""

    name: str  # "reference", "onnx", "cuda"
    vocab_size: int
    n_positions: int

    def new_cache(self, batch: int = 1) -> Cache:
        """An empty cache for `batch` sequences."""
        ...

    def forward(self, cache: Cache, ids: Ids, positions: Ids) -> Logits:
        """Feed ids [batch, T] at positions [batch, T] after the cached tokens. Returns logits [batch, vocab] after the last id.

        T = 1 is decoding; a larger T is prefill. Callers may split a long prefill so that it stays cancellable.
        Raises GenerationError when the model fails or `n_positions` is exceeded; the length of the cache is then unchanged.
        """
        ...

    def append(self, cache: Cache, source: Cache, start: int, end: int) -> None:
        """Add tokens [start, end) of row 0 of `source` to every row of `cache`. Their keys and values are copied unchanged."""
        ...

    def close(self) -> None:
        """Free the model's memory."""
        ...


def fork(backend: Backend, cache: Cache, batch: int) -> Cache:
    """Return a new cache of `batch` rows, each a copy of row 0. Takes that share a prompt use it."""
    copy = backend.new_cache(batch)
    backend.append(copy, cache, 0, cache.length)
    return copy
