"""Sequences of the native engine: caches that are fed and cut back, and rows that are decoded together.

A row does not copy the tokens before it. It borrows the cache's memory, so that takes of a part read the same keys and values, and
writes into memory of its own. When the cache is cut back to fewer tokens than a row borrows, the row takes its copy first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple
from weakref import WeakSet

import numpy as np
import numpy.typing as npt

from companion.errors import GenerationError
from companion.inference.backends.base import Cache, Ids

if TYPE_CHECKING:
    from companion.inference.backends.native.backend import NativeBackend


class Memory(NamedTuple):
    """The keys and values of one sequence, and where they lie. Real memory is taken only as far as it is used."""

    room: npt.NDArray[np.uint8]
    address: int


class NativeCache:
    """Keys and values of sequences of equal length; see `Cache`. The memory behind `length` holds nothing of value."""

    def __init__(self, backend: NativeBackend, batch: int) -> None:
        self.memory = [backend.new_memory() for _ in range(batch)]
        self.borrowers: WeakSet[NativeRows] = WeakSet()
        self._history = np.zeros((2, backend.n_positions), dtype=np.int64)
        self._length = 0

    @property
    def length(self) -> int:
        return self._length

    @property
    def batch(self) -> int:
        return len(self.memory)

    @property
    def tokens(self) -> tuple[Ids, Ids]:
        """(ids, positions) fed so far in row 0, each [length]; copies."""
        return self._history[0, : self._length].copy(), self._history[1, : self._length].copy()

    def truncate(self, length: int) -> None:
        if not 0 <= length <= self._length:
            raise GenerationError(f"a cache of {self._length} tokens cannot be cut to {length}")
        for rows in self.borrowers:
            rows.keep(self.memory[0], length)
        self._length = length

    def note(self, ids: Ids, positions: Ids) -> None:
        """Take note of tokens ([T] each, of row 0) whose keys and values were added."""
        added = slice(self._length, self._length + len(ids))
        self._history[0, added], self._history[1, added] = ids, positions
        self._length = added.stop

    def history(self, start: int, end: int) -> tuple[Ids, Ids]:
        """(ids, positions) of tokens [start, end) of row 0."""
        return self._history[0, start:end], self._history[1, start:end]


@dataclass(slots=True)
class Sequence:
    """A sequence: `borrowed_length` tokens in a memory that is not its own, if any, and `length` more in its own."""

    memory: Memory
    length: int
    borrowed: Memory | None = None
    borrowed_length: int = 0

    @property
    def tokens(self) -> int:
        """All of them."""
        return self.borrowed_length + self.length


class NativeRows:
    """Sequences of different lengths that are decoded together; see `backends.rows.Rows`."""

    def __init__(self, backend: NativeBackend, most: int) -> None:
        self.most = most
        self.sequences: list[Sequence] = []
        self._spare = [backend.new_memory() for _ in range(most)]
        self._stepped = False
        self._backend = backend

    @property
    def count(self) -> int:
        return len(self.sequences)

    @property
    def lengths(self) -> tuple[int, ...]:
        return tuple(sequence.tokens for sequence in self.sequences)

    def clear(self) -> None:
        """Forget all rows."""
        self._stepped = False
        while self.sequences:
            self._spare.append(self.sequences.pop().memory)

    def add(self, cache: Cache) -> None:
        if not isinstance(cache, NativeCache):
            raise TypeError("this cache belongs to another engine")
        if self._stepped:
            raise GenerationError("no row can be added while rows are being written")
        if not self._spare:
            raise GenerationError(f"there is room for {self.most} rows")
        self.sequences.append(Sequence(self._spare.pop(), 0, cache.memory[0], cache.length))
        cache.borrowers.add(self)

    def remove(self, row: int) -> None:
        self._spare.append(self.sequences[row].memory)
        last = self.sequences.pop()
        if row < self.count:
            self.sequences[row] = last

    def keep(self, memory: Memory, length: int) -> None:
        """Called before `memory` keeps only its first `length` tokens: what is borrowed of the others becomes the rows' own."""
        for sequence in self.sequences:
            if sequence.borrowed is not memory or sequence.borrowed_length <= length:
                continue
            own = self._backend.new_memory()
            self._backend.copy(own, 0, memory, 0, sequence.borrowed_length)
            self._backend.copy(own, sequence.borrowed_length, sequence.memory, 0, sequence.length)
            sequence.memory, sequence.length = own, sequence.tokens
            sequence.borrowed, sequence.borrowed_length = None, 0

    def stepped(self) -> None:
        """Called after a token was added to every row."""
        self._stepped = True
        for sequence in self.sequences:
            sequence.length += 1
