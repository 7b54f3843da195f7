"""Which scheme is quickest on this machine, by a measurement of a few tenths of a second that is made once and kept.

Processors differ in what they do well: some multiply bytes exactly and quickly (VNNI, AMX, ARM's dot products), older ones saturate
the 16-bit sums of two products. Names of features do not say how quick ONNX Runtime's kernels for them are, so one layer of the
model's width is timed under each candidate, and one product with the largest values says whether bytes are multiplied exactly.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import onnxruntime

from companion.inference.backends.onnx.memory import memory_names

FILE_NAME = "schemes.json"
# Names of the candidates by (weights for decoding, weights for prefill). All keep the bound on quality in docs/engines.md.
CANDIDATES = {("q8", "fp32"): "q8-kv8", ("q8", "int8"): "mixed-kv8", ("int8", "int8"): "int8-kv8"}
# A scheme that rounds more must be quicker by this factor to be taken: block weights are closer to the exact ones, and floats are exact.
WORTHWHILE = 1.15
ROUNDS = 9
PREFILLED_TOKENS = 128
CACHED_TOKENS = 256
_VOCABULARY, _CAPACITY, _HEAD_SIZE = 64, 512, 64


def measured_scheme(width: int, folder: Path) -> str | None:
    """The scheme that was measured for a model of this width on this machine, or None if it was not."""
    try:
        kept = json.loads((folder / FILE_NAME).read_text(encoding="utf-8"))
        name = kept["schemes"][str(width)] if kept["machine"] == machine() else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return name if name in CANDIDATES.values() else None


def measure_scheme(width: int, folder: Path) -> str:
    """Measure, keep the result in `folder` if it can be written, and return it."""
    scheme = choose(multiplies_bytes_exactly(width), _time_decoding(width), _time_prefill(width))
    path = folder / FILE_NAME
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        schemes = dict(kept["schemes"]) if kept["machine"] == machine() else {}
    except (OSError, ValueError, KeyError, TypeError):
        schemes = {}
    # A folder that cannot be written costs the next start another measurement.
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(f".{os.getpid()}.part")
        unfinished.write_text(json.dumps({"machine": machine(), "schemes": {**schemes, str(width): scheme}}))
        os.replace(unfinished, path)
    return scheme


def choose(exact: bool, decoding_seconds: dict[str, float], prefill_seconds: dict[str, float]) -> str:
    """The name of the best scheme, from the seconds of "q8" and "int8" in decoding, and of "fp32" and "int8" in prefill."""
    if not exact:
        return CANDIDATES["q8", "fp32"]
    if prefill_seconds["fp32"] < WORTHWHILE * prefill_seconds["int8"]:
        return CANDIDATES["q8", "fp32"]
    quick = decoding_seconds["q8"] >= WORTHWHILE * decoding_seconds["int8"]
    return CANDIDATES["int8" if quick else "q8", "int8"]


def machine() -> str:
    """What the measurement depends on: the processor and the version of ONNX Runtime."""
    model = platform.processor()
    with suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), model)
    return f"{platform.machine()} {model} {os.cpu_count()} onnxruntime {onnxruntime.__version__}"


def multiplies_bytes_exactly(width: int) -> bool:
    """Whether a product of the largest bytes comes out right.

    Activations of 1 become 255 and weights of 1 become 127, so the sum of two products, 64,770, does not fit into 16 bits with a sign.
    """
    from companion.inference.backends.onnx.graph import single_product

    ones = np.ones((width, width), dtype=np.float32)
    x = np.ones((4, width), dtype=np.float32)
    x[:, 0] = 0.0  # the range of the activations begins at zero
    product: Any = _session(single_product(ones, "int8")).run(None, {"x": x})[0]
    return bool(np.allclose(product, width - 1, rtol=0.02))


def _time_decoding(width: int) -> dict[str, float]:
    steps = {weights: _step(width, weights, True, 1, CACHED_TOKENS) for weights in ("q8", "int8")}
    return _quickest(steps)


def _time_prefill(width: int) -> dict[str, float]:
    return _quickest({weights: _step(width, weights, False, PREFILLED_TOKENS, 0) for weights in ("fp32", "int8")})


def _quickest(steps: dict[str, Callable[[], Any]]) -> dict[str, float]:
    """The shortest time of each in turns: what a busy machine adds does not count."""
    best = dict.fromkeys(steps, float("inf"))
    for _ in range(ROUNDS):
        for name, step in steps.items():
            started = perf_counter()
            step()
            best[name] = min(best[name], perf_counter() - started)
    return best


def _step(width: int, weights: str, byte_cache: bool, tokens: int, cached: int) -> Callable[[], Any]:
    """One call of a one-layer model of this width."""
    from companion.inference.backends.onnx.graph import build_graph
    from companion.inference.checkpoints.files import ModelConfig

    heads = max(1, width // _HEAD_SIZE)
    config = ModelConfig(_VOCABULARY, _CAPACITY, width, 1, heads)
    random = np.random.default_rng(1)
    state = {name: random.normal(0, 0.02, shape).astype(np.float32) for name, shape in config.shapes().items()}
    session = _session(build_graph(state, config, weights, byte_cache).SerializeToString())
    kind = np.int8 if byte_cache else np.float32
    feeds: dict[str, Any] = {
        "ids": random.integers(0, _VOCABULARY, (1, tokens)),
        "positions": cached + np.arange(tokens, dtype=np.int64)[None],
        "seqlens": np.array([cached + tokens - 1], dtype=np.int32),
        "total": np.array(cached + tokens, dtype=np.int32),
    }
    for name in memory_names(1):
        feeds[f"past_{name}"] = np.zeros((1, heads, _CAPACITY, width // heads), dtype=kind)
        if byte_cache:
            feeds[f"scale_{name}"] = np.ones((1, heads, 1, width // heads), dtype=np.float32)
    return lambda: session.run(["logits"], feeds)


def _session(graph: bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
