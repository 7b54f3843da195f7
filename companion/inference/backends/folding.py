"""Weights rearranged so that a GPT-2 computes the same with numbers that bytes represent better. Pure numpy."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

Weights = Mapping[str, npt.NDArray[np.float32]]


def attention_biases(weights: Weights, layer: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Biases of `c_attn` (after a norm without its shift) and of `c_proj` that leave the attention's result unchanged.

    With them, keys and values are centred around zero, which bytes represent better. A vector added to every key changes all
    scores of a query by the same number, which softmax ignores. A vector added to every value is passed on unchanged, because
    the attention weights sum to one, so it can be added after the projection instead. Keys and values need no bias at all.
    """
    prefix = f"transformer.h.{layer}"
    width = len(weights[f"{prefix}.ln_1.bias"])
    constant = shifted_bias(weights, f"{prefix}.ln_1", f"{prefix}.attn.c_attn")
    before = np.concatenate([constant[:width], np.zeros(2 * width, dtype=np.float32)])
    after = weights[f"{prefix}.attn.c_proj.bias"] + constant[2 * width :] @ weights[f"{prefix}.attn.c_proj.weight"]
    return before, after.astype(np.float32)


def shifted_bias(weights: Weights, norm: str, matrix: str) -> npt.NDArray[np.float32]:
    """The bias of a matrix plus the contribution of the shift of the norm before it."""
    shift = weights[f"{norm}.bias"] @ weights[f"{matrix}.weight"]
    return (shift + weights[f"{matrix}.bias"]).astype(np.float32)
