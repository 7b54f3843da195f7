"""Sequences of different lengths in one decoding batch of the CPU engine.

One memory holds a row for each sequence. The attention kernel is told the number of valid tokens of each row as `seqlens`.
The graph requires that byte keys and values share their scales between rows, so all rows use the widest scales of any row. A
value that exceeds them is clipped; it is not computed again on floats. Clipping is rare, because rows live for only one bar
and the scales have headroom (`memory.MARGIN`).
"""

from __future__ import annotations

from collections.abc import Mapping
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import onnxruntime

from companion.errors import GenerationError
from companion.inference.backends.base import Ids, Logits
from companion.inference.backends.onnx.memory import PIECE, memory_names
from companion.inference.backends.onnx.sessions import Sessions
from companion.inference.backends.thread_choice import ThreadChoice

if TYPE_CHECKING:
    from companion.inference.backends.onnx.backend import OnnxCache

Scales = dict[str, npt.NDArray[np.float32]]


class OnnxRows:
    """See `backends.rows.Rows`."""

    def __init__(self, sessions: Sessions, config: Mapping[str, int], most: int) -> None:
        self.most = most
        self._sessions = sessions
        heads, capacity = config["n_head"], config["n_positions"]
        head_size = config["n_embd"] // heads
        kind = np.int8 if sessions.byte_cache else np.float32
        names = memory_names(config["n_layer"])
        # Zeroed pages are backed by real memory only once written, so capacity costs nothing until it is used.
        self._buffers: dict[str, npt.NDArray[Any]] = {
            name: np.zeros((most, heads, capacity, head_size), dtype=kind) for name in names
        }
        self._scales: Scales = {name: np.ones((1, heads, 1, head_size), dtype=np.float32) for name in names}
        self._scales_of: list[Scales] = []  # of each row, until the first step gives all rows common scales
        self._logits = np.zeros((most, 1, config["vocab_size"]), dtype=np.float32)
        self._seqlens = np.zeros(most, dtype=np.int32)
        self._steps: dict[tuple[bool, int], _Step] = {}
        self._choices: dict[int, ThreadChoice] = {}
        self._lengths: list[int] = []
        self._capacity = capacity
        self._stepped = False

    @property
    def count(self) -> int:
        return len(self._lengths)

    @property
    def lengths(self) -> tuple[int, ...]:
        return tuple(self._lengths)

    def clear(self) -> None:
        """Forget all rows."""
        self._lengths.clear()
        self._scales_of.clear()
        self._stepped = False

    def add(self, cache: OnnxCache) -> None:
        if self._stepped:
            raise GenerationError("no row can be added to a batch that is being written")
        row, length, memory = self.count, cache.length, cache.memory
        if row == len(self._seqlens):
            raise GenerationError(f"a batch has room for {row} rows")
        if self._sessions.byte_cache:
            memory.make_packed(length)
            source = memory.packed
            self._scales_of.append({name: scale.copy() for name, scale in memory.scales.items()})
        else:
            source = memory.exact
        for name, buffer in self._buffers.items():
            buffer[row, :, :length] = source[name][0, :, :length]
        self._lengths.append(length)

    def remove(self, row: int) -> None:
        last = self.count - 1
        if row != last:
            length = self._lengths[last]
            for buffer in self._buffers.values():
                buffer[row, :, :length] = buffer[last, :, :length]
            self._lengths[row] = length
            if not self._stepped and self._scales_of:
                self._scales_of[row] = self._scales_of[last]
        self._lengths.pop()
        if not self._stepped and self._scales_of:
            self._scales_of.pop()

    def run(self, ids: Ids, positions: Ids) -> Logits:
        """See `RowsBackend.step`."""
        count = self.count
        if max(self._lengths) >= self._capacity:
            raise GenerationError(f"a row is longer than the model's {self._capacity} positions")
        if not self._stepped:
            self._share_scales()
            self._stepped = True
        choice = self._choices.setdefault(count, ThreadChoice())
        together = choice.together and self._sessions.awake is not None
        step = self._steps.get((together, count)) or self._bind(together, count)
        step.ids[:, 0] = ids
        step.positions[:, 0] = positions
        self._seqlens[:count] = self._lengths
        step.total[...] = max(self._lengths) + 1
        started = perf_counter()
        step.session.run_with_iobinding(step.binding)
        choice.took(perf_counter() - started)
        self._lengths = [length + 1 for length in self._lengths]
        return self._logits[:count, 0].copy()

    def _share_scales(self) -> None:
        """Rescale the bytes of all rows to the widest scales."""
        for name in self._scales if self._scales_of else ():
            widest = np.maximum.reduce([scales[name] for scales in self._scales_of])
            self._scales[name][:] = widest
            for row, scales in enumerate(self._scales_of):
                if not np.array_equal(scales[name], widest):
                    self._rescale(self._buffers[name][row, :, : self._lengths[row]], scales[name][0] / widest[0])

    @staticmethod
    def _rescale(levels: npt.NDArray[np.int8], factor: npt.NDArray[np.float32]) -> None:
        """Multiply levels [heads, rows, head size] by factor [heads, 1, head size] in place and round.

        The work is done in pieces that stay in the processor's cache, with the factor written out (see `memory.Memory`).
        """
        written_out = np.repeat(factor, min(PIECE, levels.shape[1]), axis=1)
        for start in range(0, levels.shape[1], PIECE):
            piece = levels[:, start : start + PIECE]
            scaled = piece * written_out[:, : piece.shape[1]]
            piece[:] = np.rint(scaled, out=scaled)

    def _bind(self, together: bool, count: int) -> _Step:
        session = self._sessions.choose(together, self._sessions.byte_cache)
        ids, positions = np.zeros((2, count, 1), dtype=np.int64)
        total = np.zeros((), dtype=np.int32)
        binding = session.io_binding()
        inputs = {"ids": ids, "positions": positions, "seqlens": self._seqlens[:count], "total": total}
        for name, array in inputs.items():
            binding.bind_ortvalue_input(name, share(array))
        for name, buffer in self._buffers.items():
            value = share(buffer[:count])
            binding.bind_ortvalue_input(f"past_{name}", value)
            binding.bind_ortvalue_output(f"present_{name}", value)
            if self._sessions.byte_cache:
                binding.bind_ortvalue_input(f"scale_{name}", share(self._scales[name]))
        binding.bind_ortvalue_output("logits", share(self._logits[:count]))
        step = self._steps[together, count] = _Step(session, binding, ids, positions, total)
        return step


class _Step(NamedTuple):
    """A prepared call and the arrays that it reads."""

    session: onnxruntime.InferenceSession
    binding: onnxruntime.IOBinding
    ids: npt.NDArray[np.int64]
    positions: npt.NDArray[np.int64]
    total: npt.NDArray[np.int32]


def share(array: npt.NDArray) -> Any:
    """An OrtValue over the array's own memory; the array must outlive it."""
    return onnxruntime.OrtValue.ortvalue_from_numpy(array)
