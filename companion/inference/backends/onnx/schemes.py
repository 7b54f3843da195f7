"""The storage schemes for weights, keys and values, and the choice of one for a model on this machine."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import NamedTuple

from companion.errors import CheckpointError
from companion.inference.backends.onnx.measuring import CANDIDATES, measured_scheme

AUTOMATIC = tuple(CANDIDATES.values())  # what "auto" chooses from
WIDE = 384  # n_embd from which the scheme affects speed more than calls and attention do


class Scheme(NamedTuple):
    """How weights are stored for decoding and for prefill (see `onnx.graph`), and whether decoding reads byte keys and values.

    Prefill with block weights is no quicker than with floats, so prefill uses the exact weights.
    """

    weights: str
    prefill: str
    byte_cache: bool


SCHEMES = {
    **{weights: Scheme(weights, weights, False) for weights in ("fp32", "int8", "q8", "q4")},
    "int8-kv8": Scheme("int8", "int8", True),
    "mixed-kv8": Scheme("q8", "int8", True),
    "q8-kv8": Scheme("q8", "fp32", True),
    "q4-kv8": Scheme("q4", "fp32", True),
}


def automatic_scheme(width: int, folder: Path) -> str:
    """The scheme of "auto" for a model of that width on this machine: the one measured here, if the cache `folder` has it.

    Otherwise the processor's features decide. Decoding with block weights is closer to the exact weights and takes about equally
    long. A wide model prefills much faster with whole-matrix int8, if the processor multiplies bytes exactly (x86 before VNNI
    saturates its 16-bit sums). Measurements are in docs/engines.md.
    """
    if (measured := measured_scheme(width, folder)) is not None:
        return measured
    return "mixed-kv8" if width >= WIDE and _multiplies_bytes_exactly() else "q8-kv8"


def _multiplies_bytes_exactly() -> bool:
    if platform.machine().lower() in ("arm64", "aarch64"):
        return True
    try:
        return "vnni" in Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return False


def checked_scheme(quantization: str) -> str:
    if quantization != "auto" and quantization not in SCHEMES:
        raise CheckpointError(f"unknown quantization {quantization!r}: auto, {', '.join(SCHEMES)}")
    return quantization
