"""The lower bounds of a token on a GPU: the bytes that it must read, and the kernels that must start one after the other.

Imported only where the GPU engine is measured. On a CPU, tests run the same code, and its numbers mean nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from companion.inference.backends.cuda.backend import CudaBackend
from companion.inference.backends.cuda.recording import Recorder
from companion.inference.backends.cuda.writing.writer import AHEAD
from companion.inference.backends.writing import Infill, PromptEnd
from companion.inference.checkpoints.files import Checkpoint
from companion.tokenizer import Vocabulary
from companion.tokenizer.grammar import Grammar, WrittenBar

REPEATS = 50
# Operations without a kernel: they only reinterpret a tensor or allocate its memory.
_NO_KERNEL = frozenset(
    "view _unsafe_view reshape permute transpose t slice select unsqueeze squeeze expand expand_as alias detach split unbind "
    "as_strided empty empty_like _reshape_alias".split()
)


class Floors(NamedTuple):
    """Milliseconds that a token takes at least: to read weights, keys and values, and to start `kernels` kernels."""

    read_ms: float
    launch_ms: float
    kernels: int


def device_name(backend: CudaBackend) -> str:
    """The GPU's name from its driver; without a GPU, what stands in for it."""
    if backend.device == "cuda":
        return torch.cuda.get_device_name(0)
    return "no GPU, the CPU stands in (its times say nothing about a GPU)"


def floors(backend: CudaBackend, checkpoint: Checkpoint, bytes_a_token: int) -> Floors:
    """Measured just now on the engine's device: reading that many bytes again and again, and replaying as many empty kernels as a
    token takes.
    """
    kernels = backend.launches or kernels_a_token(checkpoint)
    device = torch.device(backend.device)
    return Floors(_read_ms(bytes_a_token, device), _launch_ms(kernels, device), kernels)


def kernels_a_token(checkpoint: Checkpoint, steered: bool = False) -> int:
    """Operations that compute something in one plain step. Counted on the CPU; a few of them are several kernels on a GPU.

    steered: with what follows dials and chords. A fused step has a fixed number of kernels, `CudaBackend.launches`.
    """
    backend = CudaBackend.from_checkpoint(checkpoint, "cpu")
    grammar = Grammar(Vocabulary(checkpoint.encoder_config))
    uniforms = np.full((1, 2 * backend.n_positions), 0.5)
    infill = Infill((WrittenBar(is_drum=True),) * 4, uniforms, allow_rests=False, weighed=steered)
    writing = backend.begin(grammar)
    writing.add(backend.new_cache(), PromptEnd(0, 0, 1), infill)
    running = writing.run()
    next(running)  # two batches; later ones run one at a time
    with _Counting() as counting:
        next(running)
    return round(counting.count / AHEAD)


class _Counting(TorchDispatchMode):
    """Counts operations except those without a kernel."""

    count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += func.__name__.split(".")[0] not in _NO_KERNEL
        return func(*args, **(kwargs or {}))


@torch.inference_mode()
def _read_ms(size: int, device: torch.device) -> float:
    array = torch.ones(max(size // 4, 1024), device=device)
    return _repeated_ms(lambda: torch.dot(array, array), device)


@torch.inference_mode()
def _launch_ms(kernels: int, device: torch.device) -> float:
    number = torch.zeros(1, device=device)

    def nothing_much() -> None:
        for _ in range(kernels):
            number.add_(1.0)

    return _repeated_ms(Recorder.for_device(device).record(nothing_much), device)


def _repeated_ms(work: Callable[[], object], device: torch.device) -> float:
    """Milliseconds of one of `REPEATS` runs without a wait between them; the best of three rounds."""
    rounds = []
    for _ in range(3):
        work()
        _wait(device)
        started = perf_counter()
        for _ in range(REPEATS):
            work()
        _wait(device)
        rounds.append((perf_counter() - started) * 1000 / REPEATS)
    return min(rounds)


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()
