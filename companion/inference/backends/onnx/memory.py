"""The key-value memory of the CPU engine: exact rows for prefill, the same rows as bytes for decoding. Pure numpy.

Knows nothing of ONNX Runtime. Decoding reads the whole memory for every token, so a quarter of the bytes is most of its speed,
while prefill computes and is quicker on floats. Both live in buffers of fixed capacity, [batch, heads, capacity, head size];
how many leading rows of each are valid is all that rewinding has to change.

Bytes are symmetric with one scale for each layer, kind, head and channel, taken from the rows of the prompt itself; a token that
does not fit them is to be computed once more on floats, from which wider ones are taken.
"""

from __future__ import annotations

import numpy as np

# Room for tokens yet to come: over the largest magnitude that a channel has shown, and over what its head's channels have shown on
# average, as one that was silent in the prompt may speak in the answer. What needs more is noticed (`Memory.overflowed`).
MARGIN = 1.25
TYPICAL = 2.0
PIECE = 128  # rows packed at a time
ENOUGH_ROWS = 24  # rows from which a scale can be taken in trust
_ENDS = (b"\x7f", b"\x81", b"\x80")  # 127, -127, -128


def memory_names(layers: int) -> list[str]:
    """`key_0`, `value_0`, `key_1` …: what the buffers, and the graph's inputs for them, are called."""
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
        """Float rows up to `rows` were written: pack the new ones."""
        self._exact_rows = rows
        if self.packed:
            self._pack(rows)

    def wrote_packed(self, rows: int) -> None:
        """Byte rows up to `rows` were written."""
        self._packed_rows = rows

    def overflowed(self, first: int, last: int) -> bool:
        """Whether byte rows [first, last) hold a value at the end of the range, where larger ones have been cut off."""
        # Looking for bytes among bytes takes a tenth of what numpy's max and min do.
        rows = self._bytes[:, :, :, first:last].tobytes()
        return any(end in rows for end in _ENDS)

    def make_exact(self, rows: int) -> None:
        """See that float rows up to `rows` are valid, out of the bytes where only those are."""
        first, self._exact_rows = self._exact_rows, max(self._exact_rows, rows)
        if first < rows:
            for name, packed in self.packed.items():
                self.exact[name][:, :, first:rows] = packed[:, :, first:rows] * self.scales[name]

    def make_packed(self, rows: int) -> None:
        """See that byte rows up to `rows` are valid, out of the floats where only those are."""
        if self._packed_rows < rows:
            self._pack(rows)

    def append(self, other: Memory, start: int, end: int, at: int) -> None:
        """Rows [start, end) of the first sequence of `other` as rows from `at` on of every sequence."""
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
        """Bytes of the new rows; of all rows where the new ones outgrow the scale (float rows are all valid here)."""
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
        """Pack rows [first, rows); False, with those done only in part, where one does not fit the scale.

        In pieces that stay in the processor's cache, and with the inverse scales written out for every row of a piece:
        broadcasting rows of one head's width costs several times the arithmetic.
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
