"""The key-value memory of the CPU engine: exact rows for prefill, the same rows as bytes for decoding. Pure numpy.

Knows nothing of ONNX Runtime. Decoding reads the whole memory for every token, so a quarter of the bytes is most of its speed,
while prefill computes and is quicker on floats. Both live in buffers of fixed capacity, [batch, heads, capacity, head size];
how many leading rows of each are valid is all that rewinding has to change.

Bytes are symmetric with one scale for each layer, kind, head and channel, taken from the rows of the prompt itself.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

MARGIN = 2.0  # room for tokens yet to come, over the largest magnitude seen: a clipped key costs more than a coarse one
ENOUGH_ROWS = 24  # rows from which a scale can be taken in trust


def memory_names(layers: int) -> list[str]:
    """`key_0`, `value_0`, `key_1` …: what the buffers, and the graph's inputs for them, are called."""
    return [f"{kind}_{layer}" for layer in range(layers) for kind in ("key", "value")]


class Memory:
    """Rows of keys and values for `batch` sequences. `packed` and `scales` are empty when built without bytes."""

    def __init__(self, batch: int, layers: int, heads: int, capacity: int, head_size: int, with_bytes: bool) -> None:
        shape, names = (batch, heads, capacity, head_size), memory_names(layers)
        # Zeroed pages are backed by real memory only once written, so capacity costs nothing until it is used.
        self.exact = {name: np.zeros(shape, dtype=np.float32) for name in names}
        self.packed = {name: np.zeros(shape, dtype=np.int8) for name in names if with_bytes}
        self.scales = {name: np.ones((1, heads, 1, head_size), dtype=np.float32) for name in self.packed}
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

    def make_exact(self, rows: int) -> None:
        """See that float rows up to `rows` are valid, out of the bytes where only those are."""
        first, self._exact_rows = self._exact_rows, max(self._exact_rows, rows)
        if first < rows:
            for name, packed in self.packed.items():
                self.exact[name][:, :, first:rows] = packed[:, :, first:rows] * self.scales[name]

    def copy_from(self, other: Memory) -> None:
        """Fill every sequence with the first of `other`."""
        for name, exact in self.exact.items():
            exact[:, :, : other._exact_rows] = other.exact[name][:1, :, : other._exact_rows]
        for name, packed in self.packed.items():
            packed[:, :, : other._packed_rows] = other.packed[name][:1, :, : other._packed_rows]
            self.scales[name][:] = other.scales[name]
        self._exact_rows, self._packed_rows = other._exact_rows, other._packed_rows

    def _pack(self, rows: int) -> None:
        """Bytes of the new rows; of all rows where the new ones outgrow the scale (float rows are all valid here)."""
        first = self._packed_rows
        for name, packed in self.packed.items():
            scale = self.scales[name]
            fresh = self.exact[name][:, :, first:rows]
            largest = np.maximum(fresh.max(axis=(0, 2)), -fresh.min(axis=(0, 2)))[None, :, None]
            start = first
            if not first or np.any(largest > 127.0 * scale):
                room = np.maximum(largest * (MARGIN / 127.0), np.finfo(np.float32).tiny)
                scale[:] = np.maximum(room, scale) if first else room
                start = 0
            _to_bytes(self.exact[name][:, :, start:rows], scale, packed[:, :, start:rows])
        self._packed_rows = rows


def _to_bytes(rows: npt.NDArray[np.float32], scale: npt.NDArray[np.float32], out: npt.NDArray[np.int8]) -> None:
    levels = rows * (1.0 / scale)
    np.rint(levels, out=levels)
    np.clip(levels, -127, 127, out=levels)
    out[:] = levels
