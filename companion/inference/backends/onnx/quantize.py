"""Weights as small integers, in the layouts ONNX Runtime's kernels read. Pure numpy.

This module knows nothing of graphs or checkpoints. There are two schemes:

* per channel: symmetric int8, one scale for each output column; activations are quantised at run time (`DynamicQuantizeMatMul`).
* blocks: 4 or 8 bits, one scale for every `block_size` inputs of each output (`MatMulNBits`, whose layout is in ONNX Runtime's
  contrib operator page: [N, ceil(K / block), block * bits / 8] unsigned bytes around the mid-point 2 ** (bits - 1)).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Weight = npt.NDArray[np.float32]
PIECE = 64  # columns quantised at a time


class PerChannel(NamedTuple):
    """`values` [K, N] int8 and `scales` [N] float32; weight ≈ values * scales."""

    values: npt.NDArray[np.int8]
    scales: npt.NDArray[np.float32]


class Blocks(NamedTuple):
    """`packed` [N, K / block, block * bits / 8] uint8 and `scales` [N, K / block] float32."""

    packed: npt.NDArray[np.uint8]
    scales: npt.NDArray[np.float32]
    bits: int
    block_size: int


def quantize_per_channel(weight: Weight) -> PerChannel:
    """Symmetric int8 of `weight` [K, N], one scale a column."""
    scales = np.maximum(np.abs(weight).max(axis=0), np.finfo(np.float32).tiny) / 127.0
    values = np.rint(weight / scales).astype(np.int8)
    return PerChannel(values, scales.astype(np.float32))


def quantize_blocks(weight: Weight, bits: int, block_size: int = 32) -> Blocks:
    """`weight` [K, N] in blocks of `block_size` along K; K is padded with zeros to whole blocks.

    The scale is signed, so that the entry of largest magnitude maps to −2 ** (bits − 1): the negative side has one more
    step. With 8 bits the range is symmetric enough to use ±127 instead.
    """
    inputs, outputs = weight.shape
    blocks = -(-inputs // block_size)
    packed = np.empty((outputs, blocks, block_size * bits // 8), dtype=np.uint8)
    scales = np.empty((outputs, blocks), dtype=np.float32)
    padded = np.zeros((min(PIECE, outputs), blocks * block_size), dtype=np.float32)
    # In pieces that stay in the processor's cache: three times as fast, and memory is left to those who play.
    for start in range(0, outputs, PIECE):
        piece = slice(start, min(start + PIECE, outputs))
        part = padded[: piece.stop - start]
        part[:, :inputs] = weight[:, piece].T
        packed[piece], scales[piece] = _levels_and_scales(part.reshape(len(part), blocks, block_size), bits)
    return Blocks(packed, scales, bits, block_size)


def _levels_and_scales(grouped: Weight, bits: int) -> tuple[npt.NDArray[np.uint8], Weight]:
    """Packed levels and scales of blocks [outputs, blocks, block]."""
    middle = 1 << (bits - 1)
    largest = np.abs(grouped).max(axis=2)
    if bits == 8:
        scales = largest / (middle - 1)
    else:
        at = np.abs(grouped).argmax(axis=2)[..., None]
        scales = np.take_along_axis(grouped, at, axis=2)[..., 0] / -middle
    safe = np.where(scales == 0, 1.0, scales)
    levels = np.clip(np.rint(grouped / safe[..., None]) + middle, 0, 2 * middle - 1).astype(np.uint8)
    if bits == 4:
        levels = levels[..., 0::2] + 16 * levels[..., 1::2]
    return levels, safe


def restore_blocks(blocks: Blocks, inputs: int) -> Weight:
    """The float weight [K, N] that `blocks` stands for."""
    levels = blocks.packed
    if blocks.bits == 4:
        levels = np.stack([levels & 15, levels >> 4], axis=-1).reshape(*levels.shape[:2], -1)
    middle = 1 << (blocks.bits - 1)
    values = (levels.astype(np.float32) - middle) * blocks.scales[..., None]
    return np.ascontiguousarray(values.reshape(values.shape[0], -1)[:, :inputs].T)
