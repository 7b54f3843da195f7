"""Which engine runs a checkpoint on this machine. Engines are imported only when asked for."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from companion.errors import GenerationError, RequestValidationError
from companion.inference.backends.base import Backend
from companion.session.api.limits import ENGINES

if TYPE_CHECKING:
    from companion.inference.checkpoints.files import Checkpoint


def make_backend(checkpoint: Checkpoint, engine: str = "auto") -> tuple[Backend, str]:
    """Return the backend for `engine` and one line with the reason for the choice.

    "auto" takes cuda where there is a GPU and the engine passes its check on it, else native where its kernels are compiled, else
    onnx where it can be loaded, else the reference. An engine asked for by name is never replaced by another one: if it is not
    available, GenerationError is raised.
    """
    if engine not in ENGINES:
        raise RequestValidationError(f"unknown engine {engine!r} (known: {', '.join(ENGINES)})")
    if engine == "reference":
        return _reference(checkpoint), "asked for"
    if engine == "native":
        return _native(checkpoint), "asked for"
    if engine == "onnx":
        return _onnx(checkpoint), "asked for"
    if engine == "cuda":
        return _cuda(checkpoint), "asked for"
    return _automatic(checkpoint)


def open_ready(path: Path, engine: str) -> tuple[Checkpoint, Backend, str] | None:
    """Open a checkpoint on the CPU without torch. A graph is built first if it is needed. Returns None if torch is needed."""
    if engine not in ("auto", "native", "onnx") or not path.is_file() or (engine == "auto" and _may_have_gpu()):
        return None
    if engine != "onnx" and (opened := _native_ready(path)) is not None:
        return opened
    return None if engine == "native" else _onnx_ready(path)


def import_early() -> None:
    """Import what the fastest engine on this CPU needs, before a checkpoint is named. Raises ImportError."""
    from companion.inference.backends.native.library import why_not

    if not why_not():
        import companion.inference.backends.native.backend
        import companion.inference.checkpoints.quick
    else:
        import companion.inference.backends.onnx.backend  # noqa: F401


def _native_ready(path: Path) -> tuple[Checkpoint, Backend, str] | None:
    from companion.inference.backends.native.backend import NativeBackend, why_not
    from companion.inference.checkpoints.quick import read_quickly

    if not _fits_native(path) or (read := read_quickly(path)) is None:
        return None
    checkpoint, weights = read
    if why_not(checkpoint.config):
        return None
    return checkpoint, NativeBackend(weights, checkpoint.config), "fastest on this CPU"


def _fits_native(path: Path) -> bool:
    """Whether the file's header says that our own kernels can run the model."""
    from companion.inference.backends.native.library import why_not as why_no_kernels

    if why_no_kernels():
        return False
    from companion.inference.backends.native.backend import why_not
    from companion.inference.checkpoints.quick import read_dimensions

    dimensions = read_dimensions(path)
    return dimensions is not None and not why_not(dimensions)


def _onnx_ready(path: Path) -> tuple[Checkpoint, Backend, str] | None:
    try:
        from companion.inference.backends.onnx.backend import open_cached
        from companion.inference.backends.onnx.building import build_quickly, cached_graphs
    except ImportError:
        return None
    reason = "fastest on this CPU, graph already built"
    if cached_graphs(path) is None:
        if not build_quickly(path):
            return None
        reason = "fastest on this CPU"
    opened = open_cached(path)
    if opened is None:
        return None
    from companion.inference.checkpoints.known import known_checkpoint

    backend, known = opened
    checkpoint = known_checkpoint(path, known.model_config, known.encoder_config, known.chord_guide)
    return checkpoint, backend, reason


def has_built_graph(path: Path, engine: str) -> bool:
    """Whether `engine` can open this checkpoint without building anything. This is also true of engines that build no graphs.

    On a machine with a GPU, "auto" counts as such an engine.
    """
    if engine not in ("auto", "onnx") or not path.is_file() or (engine == "auto" and _may_have_gpu()):
        return True
    if engine == "auto" and _fits_native(path):
        return True
    try:
        from companion.inference.backends.onnx.building import cached_graphs
    except ImportError:
        return True
    return cached_graphs(path) is not None


def _automatic(checkpoint: Checkpoint) -> tuple[Backend, str]:
    reasons = []
    if _has_gpu():
        try:
            return _cuda(checkpoint), "a GPU is present, and agrees with the CPU"
        except GenerationError as error:
            reasons.append(str(error))
    try:
        return _native(checkpoint), "; ".join([*reasons, "fastest on this CPU"])
    except GenerationError as error:
        reasons.append(str(error))
    try:
        return _onnx(checkpoint), "; ".join([*reasons, "fastest on this CPU"])
    except GenerationError as error:
        reasons.append(str(error))
    return _reference(checkpoint), "; ".join(reasons)


def _may_have_gpu() -> bool:
    """Guess without importing torch whether a GPU can be used: a driver of NVIDIA or AMD is loaded, and the engine is installed."""
    has_driver = (
        any(Path(place).exists() for place in ("/dev/nvidiactl", "/proc/driver/nvidia", "/dev/kfd"))
        or sys.platform == "win32"
    )
    return has_driver and find_spec("companion.inference.backends.cuda.backend") is not None


def _has_gpu() -> bool:
    if find_spec("companion.inference.backends.cuda.backend") is None:
        return False
    import torch

    return torch.cuda.is_available()


def _reference(checkpoint: Checkpoint) -> Backend:
    from companion.inference.backends.reference import ReferenceBackend

    return ReferenceBackend.from_checkpoint(checkpoint)


def _native(checkpoint: Checkpoint) -> Backend:
    from companion.inference.backends.native.backend import NativeBackend

    return NativeBackend.from_checkpoint(checkpoint)


def _onnx(checkpoint: Checkpoint) -> Backend:
    try:
        from companion.inference.backends.onnx.backend import OnnxBackend
    except ImportError as error:
        raise GenerationError(f"engine onnx is not available: {error}") from None
    return OnnxBackend.from_checkpoint(checkpoint)


def _cuda(checkpoint: Checkpoint) -> Backend:
    try:
        from companion.inference.backends.cuda.backend import CudaBackend
        from companion.inference.backends.cuda.check import check
    except ImportError as error:
        raise GenerationError(f"engine cuda is not available: {error}") from None
    backend = CudaBackend.from_checkpoint(checkpoint)
    check(backend, checkpoint)
    return backend
