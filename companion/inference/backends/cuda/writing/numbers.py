"""Named arrays that the host fills and the device reads. One copy sends them all, so an infill costs no more than that."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

_ALIGNED = 16
_KINDS = {"f8": torch.float64, "f4": torch.float32, "i8": torch.int64, "?": torch.bool}
Fields = Mapping[str, tuple[tuple[int, ...], str]]


class Numbers:
    """`here` are the host's arrays, `there` the device's tensors, by name. fields: name → (shape, numpy's code of the type)."""

    def __init__(self, fields: Fields, device: torch.device) -> None:
        ends: dict[str, tuple[int, int]] = {}
        size = 0
        for name, (shape, kind) in fields.items():
            start = -(-size // _ALIGNED) * _ALIGNED
            size = start + prod(shape) * np.dtype(kind).itemsize
            ends[name] = start, size
        self._here = torch.zeros(size, dtype=torch.uint8, pin_memory=device.type == "cuda")
        self._there = torch.zeros(size, dtype=torch.uint8, device=device)
        self.here: dict[str, npt.NDArray[Any]] = {}
        self.there: dict[str, torch.Tensor] = {}
        for name, (shape, kind) in fields.items():
            start, end = ends[name]
            self.here[name] = self._here.numpy()[start:end].view(kind).reshape(shape)
            self.there[name] = self._there[start:end].view(_KINDS[kind]).view(shape)

    def send(self) -> None:
        """Copy everything to the device, after the work that it still has to do with the old numbers."""
        self._there.copy_(self._here)
