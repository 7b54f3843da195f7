"""What an engine must be able to do: run the model over tokens and keep a key-value cache that can be rewound.

A backend knows nothing of music, grammar or sampling. Hidden bars need no attention mask: leaving their tokens out while the
other tokens keep their original position ids is exactly equal to masking their keys for every query (nothing visible ever
looks at them), so `positions` is all that the mask modes need.
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

    `tokens` is what has been fed so far as (ids, positions); prefix reuse compares against it (batch row 0).
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
        """Feed ids [batch, T] at positions [batch, T] after what the cache holds; logits [batch, vocab] after the last one.

        T = 1 is decoding, larger T prefill; long prefills may be split by the caller to stay cancellable.
        Raises GenerationError when the model fails or `n_positions` is exceeded; the cache is then unchanged in length.
        """
        ...

    def append(self, cache: Cache, source: Cache, start: int, end: int) -> None:
        """Add tokens [start, end) of row 0 of `source` to every row of `cache`, their keys and values just as they are."""
        ...

    def close(self) -> None:
        """Free the model's memory."""
        ...


def fork(backend: Backend, cache: Cache, batch: int) -> Cache:
    """A new cache of `batch` rows, each a copy of row 0 (takes that share a prompt)."""
    copy = backend.new_cache(batch)
    backend.append(copy, cache, 0, cache.length)
    return copy
