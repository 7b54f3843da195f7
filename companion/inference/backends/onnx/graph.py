"""A GPT-2 decoder as an ONNX graph, written node by node from a state dict. Needs `onnx`, not torch and not ONNX Runtime.

This module knows nothing of sessions, caches on disk or sampling. The graph differs from an export in four ways:

* Keys and values live in buffers of fixed capacity, [batch, heads, capacity, head size]. They are bound to both `past_*` and
  `present_*`, and `GroupQueryAttention` writes the new rows in place. No buffer is copied or grown between tokens.
* Positions are a separate input, because hidden bars leave gaps in them. Attention goes by the number of cached tokens.
* Residual sum, bias and norm are one node. Only the last token is kept after the last attention, so a prefill skips the last
  feed-forward block and the output layer for all earlier tokens.
* The residual stream has zero mean over the channels, so a layer norm becomes an RMS norm, whose kernel takes a sixth of the
  time. The mean is removed from whatever writes to the stream (embeddings, projections); layer norm would remove it anyway.
  The norm's shift is folded into the biases of the matrices that read it.

Inputs: `ids`, `positions` int64 [B, T]; `seqlens` int32 [B], cached tokens after this step minus one; `total` int32 scalar, the
same plus one; `past_{key,value}_<layer>`. Outputs: `logits` [B, 1, V] of the last token; `present_{key,value}_<layer>`.
With `byte_cache` the keys and values are int8, and `scale_{key,value}_<layer>` [1, heads, 1, head size] are inputs too.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from companion.inference.backends.folding import Weights, attention_biases, shifted_bias
from companion.inference.backends.onnx.memory import memory_names
from companion.inference.backends.onnx.quantize import quantize_blocks, quantize_per_channel
from companion.inference.checkpoints.files import ModelConfig

OPSET = 17
LAYER_NORM_EPSILON = 1e-5
BLOCK_SIZE = 32
INT8_ACTIVATIONS = 4  # accuracy_level of MatMulNBits that lets it quantise the activations too
WEIGHT_SCHEMES = ("fp32", "int8", "q8", "q4")


@dataclass(slots=True)
class _Graph:
    """Nodes and constants under construction."""

    scheme: str
    byte_cache: bool
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: list[onnx.TensorProto] = field(default_factory=list)

    def constant(self, name: str, value: npt.NDArray) -> str:
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def node(
        self, operator: str, inputs: list[str], outputs: list[str], *, microsoft: bool = False, **attributes: Any
    ) -> str:
        domain = "com.microsoft" if microsoft else ""
        self.nodes.append(helper.make_node(operator, inputs, outputs, domain=domain, **attributes))
        return outputs[0]

    def linear(
        self, name: str, x: str, weight: npt.NDArray[np.float32], bias: npt.NDArray[np.float32] | None = None
    ) -> str:
        """x [.., K] @ weight [K, N] (+ bias [N]) under this graph's scheme."""
        out = f"{name}.out"
        bias_name = self.constant(f"{name}.bias", bias) if bias is not None else ""
        if self.scheme == "int8":
            channel = quantize_per_channel(weight)
            inputs = [
                x,
                self.constant(f"{name}.weight", channel.values),
                self.constant(f"{name}.scales", channel.scales),
            ]
            return self.node("DynamicQuantizeMatMul", [*inputs, "", bias_name], [out], microsoft=True)
        if self.scheme in ("q8", "q4"):
            blocks = quantize_blocks(weight, 8 if self.scheme == "q8" else 4, BLOCK_SIZE)
            inputs = [x, self.constant(f"{name}.weight", blocks.packed), self.constant(f"{name}.scales", blocks.scales)]
            return self.node(
                "MatMulNBits", [*inputs, "", "", bias_name] if bias_name else inputs, [out], microsoft=True,
                K=weight.shape[0], N=weight.shape[1], bits=blocks.bits, block_size=blocks.block_size,
                accuracy_level=INT8_ACTIVATIONS,
            )  # fmt: skip
        product = self.node(
            "MatMul", [x, self.constant(f"{name}.weight", weight)], [f"{name}.product" if bias_name else out]
        )
        return self.node("Add", [product, bias_name], [out]) if bias_name else product

    def residual_norm(
        self, name: str, x: str, residual: str, norm: str, weights: Weights, bias: npt.NDArray[np.float32] | None = None
    ) -> tuple[str, str]:
        """Return (the layer norm of x + bias + residual without its shift, that sum). All inputs have zero mean over the channels.

        `norm` is the name prefix of the norm's tensors.
        """
        inputs = [x, residual, self.constant(f"{norm}.weight", weights[f"{norm}.weight"])]
        if bias is not None:
            inputs.append(self.constant(f"{name}.added", bias))
        outputs = [f"{name}.norm", "", "", f"{name}.sum"]
        self.node("SkipSimplifiedLayerNormalization", inputs, outputs, microsoft=True, epsilon=LAYER_NORM_EPSILON)
        return outputs[0], outputs[3]


def _around_zero(weight: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """[.., channels] minus its mean over the channels."""
    return weight - weight.mean(axis=-1, keepdims=True)


def _embedding(graph: _Graph, weights: Weights) -> tuple[str, str]:
    """(first layer's norm, residual stream) of the token and position embeddings."""
    tables = [graph.constant(name, _around_zero(weights[f"transformer.{name}.weight"])) for name in ("wte", "wpe")]
    tokens = graph.node("Gather", [tables[0], "ids"], ["embedded"])
    places = graph.node("Gather", [tables[1], "positions"], ["placed"])
    return graph.residual_norm("embedding", tokens, places, "transformer.h.0.ln_1", weights)


def _attention(
    graph: _Graph, layer: int, x: str, bias: npt.NDArray[np.float32], weights: Weights, config: ModelConfig
) -> str:
    """Attention of one layer over the shared buffers, before its output projection. `bias` is the bias of `c_attn`."""
    matrix = weights[f"transformer.h.{layer}.attn.c_attn.weight"]
    packed = graph.linear(f"h.{layer}.qkv", x, matrix, bias)
    memory = [f"{kind}_{layer}" for kind in ("key", "value")]
    inputs = [packed, "", "", *(f"past_{name}" for name in memory), "seqlens", "total"]
    outputs = [f"h.{layer}.attended", *(f"present_{name}" for name in memory)]
    heads: dict[str, Any] = {"num_heads": config.n_head, "kv_num_heads": config.n_head}
    if graph.byte_cache:
        inputs += ["", "", "", "", ""] + [f"scale_{name}" for name in memory]
        heads |= {"k_quant_type": "PER_CHANNEL", "v_quant_type": "PER_CHANNEL", "kv_cache_bit_width": 8}
    return graph.node("GroupQueryAttention", inputs, outputs, microsoft=True, **heads)


def _block(graph: _Graph, layer: int, norm: str, stream: str, weights: Weights, config: ModelConfig) -> tuple[str, str]:
    """One transformer block. Input and output are pairs (normed input, residual stream)."""
    prefix, last = f"transformer.h.{layer}", layer == config.n_layer - 1
    inner_bias, outer_bias = attention_biases(weights, layer)
    attended = _attention(graph, layer, norm, inner_bias, weights, config)
    if last:
        attended = graph.node("Gather", [attended, "last"], ["last.attended"], axis=1)
        stream = graph.node("Gather", [stream, "last"], ["last.stream"], axis=1)
    projection = _around_zero(weights[f"{prefix}.attn.c_proj.weight"])
    projected = graph.linear(f"h.{layer}.projected", attended, projection)
    norm, stream = graph.residual_norm(
        f"h.{layer}.middle", projected, stream, f"{prefix}.ln_2", weights, _around_zero(outer_bias)
    )
    inner = graph.linear(f"h.{layer}.inner", norm, weights[f"{prefix}.mlp.c_fc.weight"])
    fc_bias = graph.constant(f"h.{layer}.inner.bias", shifted_bias(weights, f"{prefix}.ln_2", f"{prefix}.mlp.c_fc"))
    active = graph.node("FastGelu", [inner, fc_bias], [f"h.{layer}.active"], microsoft=True)
    outer = graph.linear(f"h.{layer}.outer", active, _around_zero(weights[f"{prefix}.mlp.c_proj.weight"]))
    following = "transformer.ln_f" if last else f"transformer.h.{layer + 1}.ln_1"
    bias = _around_zero(weights[f"{prefix}.mlp.c_proj.bias"])
    return graph.residual_norm(f"h.{layer}.end", outer, stream, following, weights, bias)


def single_product(weight: npt.NDArray[np.float32], scheme: str) -> bytes:
    """A graph that computes x [.., K] @ weight [K, N] under a scheme; its input is `x`, for measurements of one kernel."""
    graph = _Graph(scheme, False)
    graph.node("Identity", [graph.linear("only", "x", weight)], ["y"])
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", weight.shape[0]])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["rows", weight.shape[1]])
    proto = helper.make_graph(graph.nodes, "product", [x], [y], graph.constants)
    return _model(proto).SerializeToString()


def build_graph(
    weights: Weights, config: ModelConfig, scheme: str = "fp32", byte_cache: bool = False
) -> onnx.ModelProto:
    """The decoder as a model; `scheme` is one of `WEIGHT_SCHEMES` and applies to every matrix but the embeddings."""
    graph = _Graph(scheme, byte_cache)
    graph.constant("last", np.array([-1], dtype=np.int64))
    norm, stream = _embedding(graph, weights)
    for layer in range(config.n_layer):
        norm, stream = _block(graph, layer, norm, stream, weights, config)
    head = np.ascontiguousarray(weights["lm_head.weight"].T)
    graph.node("Identity", [graph.linear("head", norm, head, weights["transformer.ln_f.bias"] @ head)], ["logits"])
    inputs, outputs = _interface(config, byte_cache)
    return _model(helper.make_graph(graph.nodes, "gpt2", inputs, outputs, graph.constants))


def _model(proto: onnx.GraphProto) -> onnx.ModelProto:
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(proto, opset_imports=opsets, ir_version=8, producer_name="companion")


def _interface(config: ModelConfig, byte_cache: bool) -> tuple[list[onnx.ValueInfoProto], list[onnx.ValueInfoProto]]:
    """Declared inputs and outputs."""
    describe = helper.make_tensor_value_info
    head_size = config.n_embd // config.n_head
    inputs = [
        describe("ids", TensorProto.INT64, ["batch", "tokens"]),
        describe("positions", TensorProto.INT64, ["batch", "tokens"]),
        describe("seqlens", TensorProto.INT32, ["batch"]),
        describe("total", TensorProto.INT32, []),
    ]
    outputs = [describe("logits", TensorProto.FLOAT, ["batch", 1, config.vocab_size])]
    kind = TensorProto.INT8 if byte_cache else TensorProto.FLOAT
    buffer = ["batch", config.n_head, "capacity", head_size]
    for name in memory_names(config.n_layer):
        inputs.append(describe(f"past_{name}", kind, buffer))
        outputs.append(describe(f"present_{name}", kind, buffer))
        if byte_cache:
            inputs.append(describe(f"scale_{name}", TensorProto.FLOAT, [1, config.n_head, 1, head_size]))
    return inputs, outputs
