"""Hands a checkpoint's weights to the kernels, one matrix at a time, so that no second copy of them all is needed."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from companion.inference.backends.folding import Weights, attention_biases, shifted_bias
from companion.inference.backends.native.library import Part
from companion.inference.checkpoints.files import ModelConfig


def load_weights(library: Any, engine: int, weights: Weights, config: ModelConfig) -> None:
    """Fill an opened engine. Conv1D matrices are (inputs, outputs), as in the state dict."""

    # Arrays have names here for as long as the kernels read them: a mapping may make a new array at each access.
    def vector(part: Part, layer: int, name: str) -> None:
        values = _floats(weights[name])
        library.companion_vector(engine, part, layer, values.ctypes.data)

    def matrix(part: Part, layer: int, weight: npt.NDArray[np.float32], bias: npt.NDArray[np.float32]) -> None:
        levels, added = _floats(weight), _floats(bias)
        library.companion_matrix(engine, part, layer, levels.ctypes.data, added.ctypes.data)

    for layer in range(config.n_layer):
        prefix = f"transformer.h.{layer}"
        vector(Part.NORM1, layer, f"{prefix}.ln_1.weight")
        vector(Part.NORM2, layer, f"{prefix}.ln_2.weight")
        before, after = attention_biases(weights, layer)
        matrix(Part.ATTEND, layer, weights[f"{prefix}.attn.c_attn.weight"], before)
        matrix(Part.PROJECT, layer, weights[f"{prefix}.attn.c_proj.weight"], after)
        inner = shifted_bias(weights, f"{prefix}.ln_2", f"{prefix}.mlp.c_fc")
        matrix(Part.INNER, layer, weights[f"{prefix}.mlp.c_fc.weight"], inner)
        matrix(Part.OUTER, layer, weights[f"{prefix}.mlp.c_proj.weight"], weights[f"{prefix}.mlp.c_proj.bias"])
    vector(Part.LAST_NORM, 0, "transformer.ln_f.weight")
    head = _floats(weights["lm_head.weight"].T)
    matrix(Part.HEAD, -1, head, weights["transformer.ln_f.bias"] @ head)
    for part, name in ((Part.TOKENS, "wte"), (Part.PLACES, "wpe")):
        table = np.ascontiguousarray(weights[f"transformer.{name}.weight"], dtype=np.float16)
        library.companion_table(engine, part, table.ctypes.data)


def _floats(values: npt.NDArray) -> npt.NDArray[np.float32]:
    return np.ascontiguousarray(values, dtype=np.float32)
