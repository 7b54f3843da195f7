"""Fused kernels in Triton, which are used where they agree with the plain path.

This module may be imported without Triton.
"""

from __future__ import annotations

import os

import platformdirs
import torch

from companion.inference.backends.cuda.model import StaticModel
from companion.inference.backends.cuda.writing.writer import DeviceWriter


def use_fused(writer: DeviceWriter, model: StaticModel, memory: torch.Tensor) -> str:
    """Give a writer the fused kernels if they work and agree. Returns "fused", or "plain: " and why not, in one line."""
    # Kernels are compiled once for a machine, which takes a minute, and then read from here.
    os.environ.setdefault("TRITON_CACHE_DIR", str(platformdirs.user_cache_path("companion") / "triton"))
    try:
        from companion.inference.backends.cuda.kernels.agreement import disagreement
        from companion.inference.backends.cuda.kernels.fused import FusedStep
    except ImportError:
        return "plain: Triton is not installed"
    try:
        fused = FusedStep(model, writer.sampler)
        reason = disagreement(writer, fused, memory)
    except Exception as error:
        # Compilers fail in many ways; none of them may keep the music from playing.
        return f"plain: {type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
    if reason:
        return f"plain: {reason}"
    writer.use(fused)
    return "fused"
