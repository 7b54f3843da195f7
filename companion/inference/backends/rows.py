"""An optional interface of backends: decoding sequences of different lengths in one batch.

Each part of a bar has its own prompt, so their caches differ. In one batch the weights are read once for all parts. This
module imports neither torch nor ONNX Runtime, so the token loop can import it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from companion.inference.backends.base import Cache, Ids, Logits


@runtime_checkable
class Rows(Protocol):
    """Keys and values of several sequences, each of its own length. Row numbers are 0 … count − 1."""

    @property
    def count(self) -> int: ...

    @property
    def lengths(self) -> Sequence[int]: ...

    def add(self, cache: Cache) -> None:
        """A new last row: a copy of row 0 of `cache`."""
        ...

    def remove(self, row: int) -> None:
        """Forget a row; the last row takes its number."""
        ...


@runtime_checkable
class RowsBackend(Protocol):
    """A backend with rows. Added rows cannot be rewound, and no row can be added after the first step."""

    def new_rows(self, most: int) -> Rows:
        """Room for at most `most` rows, empty."""
        ...

    def step(self, rows: Rows, ids: Ids, positions: Ids) -> Logits:
        """Feed one token to every row: ids [count] at positions [count]. Returns logits [count, vocab].

        Raises GenerationError when the model fails or a row would exceed the model's positions.
        """
        ...
