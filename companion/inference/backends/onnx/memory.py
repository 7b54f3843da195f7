"""The key-value memory of the CPU engine: exact rows for prefill, the same rows as bytes for decoding. Pure numpy.

This module knows nothing of ONNX Runtime. Decoding reads the whole memory for every token, so storing a quarter of the bytes
makes it much faster. Prefill is limited by arithmetic and is quicker on floats. Both live in buffers of fixed capacity,
[batch, heads, capacity, head size]. Rewinding only changes the number of leading rows that are valid.

Bytes are symmetric, with one scale for each layer, kind, head and channel. The scales are taken from the prompt's own rows. A
token that exceeds them must be computed again on floats, and wider scales are then taken from the result.
"""

from __future__ import annotations

import numpy as np

# Headroom for later tokens: a factor on the largest magnitude that a channel has shown, and one on the average over its head's
# channels, because a channel that was near zero in the prompt may grow later. `Memory.overflowed` notices values beyond that.
MARGIN = 1.25
TYPICAL = 2.0
PIECE = 128  # rows packed at a time
ENOUGH_ROWS = 24  # the fewest rows from which a scale is reliable
_ENDS = (b"\x7f", b"\x81", b"\x80")  # 127, -127, -128


def memory_names(layers: int) -> list[str]:
    """The names of the buffers and of the graph's inputs for them: `key_0`, `value_0`, `key_1` …"""
    return [f"{kind}_{layer}" for layer in range(layers) for kind in ("key", "value")]


class Memory:
    """Rows of keys and values for `batch` sequences. `packed` and `scales` are empty when built without bytes."""

    def __init__(self, batch: int, layers: int, heads: int, capacity: int, head_size: int, with_bytes: bool) -> None:
        shape, names = (batch, heads, capacity, head_size), memory_names(layers)
        # Zeroed pages are backed by real memory only once written, so capacity costs nothing until it is used.
        self.exact = {name: np.zeros(shape, dtype=np.float32) for name in names}
        self._bytes = np.zeros((len(names) if with_bytes else 0, *shape), dtype=np.int8)
        self.packed = dict(zip(names, self._bytes, strict=False))
        self.scales = {name: np.ones((1, heads, 1, head_size), dtype=np.float32) for name in self.packed}
        self._inverse = {name: np.ones((1, heads, PIECE, head_size), dtype=np.float32) for name in self.packed}
        self._levels = np.empty((batch, heads, PIECE, head_size), dtype=np.float32)
        self._exact_rows = 0
        self._packed_rows = 0

    @property
    def can_decode_packed(self) -> bool:
        return self._packed_rows >= ENOUGH_ROWS

    def truncate(self, rows: int) -> None:
        self._exact_rows = min(self._exact_rows, rows)
        self._packed_rows = min(self._packed_rows, rows)

    def wrote_exact(self, rows: int) -> None:
        """Called after float rows up to `rows` were written: pack the new ones."""
        self._exact_rows = rows
        if self.packed:
            self._pack(rows)

    def wrote_packed(self, rows: int) -> None:
        """Called after byte rows up to `rows` were written."""
        self._packed_rows = rows

    def overflowed(self, first: int, last: int) -> bool:
        """Whether byte rows [first, last) hold a value at the end of the range, where larger values were clipped."""
        # Searching bytes for a byte takes a tenth of the time of numpy's max and min.
        rows = self._bytes[:, :, :, first:last].tobytes()
        return any(end in rows for end in _ENDS)

    def make_exact(self, rows: int) -> None:
        """Make float rows up to `rows` valid. Rows that are valid only as bytes are converted."""
        first, self._exact_rows = self._exact_rows, max(self._exact_rows, rows)
        if first < rows:
            for name, packed in self.packed.items():
                self.exact[name][:, :, first:rows] = packed[:, :, first:rows] * self.scales[name]

    def make_packed(self, rows: int) -> None:
        """Make byte rows up to `rows` valid. Rows that are valid only as floats are converted."""
        if self._packed_rows < rows:
            self._pack(rows)

    def append(self, other: Memory, start: int, end: int, at: int) -> None:
        """Copy rows [start, end) of the first sequence of `other` to the rows from `at` on of every sequence."""
        other.make_exact(end)
        self.make_exact(at)
        rows = slice(at, at + end - start)
        for name, exact in self.exact.items():
            exact[:, :, rows] = other.exact[name][:1, :, start:end]
        self._exact_rows = rows.stop
        if not self.packed:
            return
        if at == 0:
            for name in self.packed:
                self.scales[name][:] = other.scales[name]
                self._inverse[name][:] = other._inverse[name]
        both_packed = self._packed_rows >= at and other._packed_rows >= end
        if both_packed and all(np.array_equal(scale, other.scales[name]) for name, scale in self.scales.items()):
            self._bytes[:, :, :, rows] = other._bytes[:, :1, :, start:end]
            self._packed_rows = rows.stop
        else:
            self._pack(rows.stop)

    def _pack(self, rows: int) -> None:
        """Pack the new rows; where they exceed the scale, pack all rows again. All float rows are valid here."""
        first = self._packed_rows
        for name in self.packed:
            exact = self.exact[name]
            if first and self._to_bytes(name, first, rows):
                continue
            largest = np.abs(exact[:, :, :rows]).max(axis=(0, 2))[None, :, None]
            room = np.maximum(MARGIN * largest, TYPICAL * largest.mean(axis=3, keepdims=True))
            room = np.maximum(room / 127.0, np.finfo(np.float32).tiny)
            self.scales[name][:] = np.maximum(room, self.scales[name]) if first else room
            self._inverse[name][:] = 1.0 / self.scales[name]
            self._to_bytes(name, 0, rows)
        self._packed_rows = rows

    def _to_bytes(self, name: str, first: int, rows: int) -> bool:
        """Pack rows [first, rows). Returns False, with the rows only partly packed, when a row does not fit the scale.

        Rows are packed in pieces that stay in the processor's cache. The inverse scales are written out for every row of a
        piece, because broadcasting rows of one head's width costs several times the arithmetic.
        """
        exact, packed, inverse = self.exact[name], self.packed[name], self._inverse[name]
        for start in range(first, rows, PIECE):
            piece = slice(start, min(start + PIECE, rows))
            levels = self._levels[:, :, : piece.stop - start]
            np.multiply(exact[:, :, piece], inverse[:, :, : piece.stop - start], out=levels)
            if levels.max() > 127.0 or levels.min() < -127.0:
                return False
            packed[:, :, piece] = np.rint(levels, out=levels)
        return True
