"""Checkpoints and generation, under the names that users of the model family know. Heavy modules are imported on first use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from companion.errors import RequestValidationError
from companion.inference.requests.request import GenerationRequest, InferenceConfig, TrackPrompt

if TYPE_CHECKING:
    from companion.inference.checkpoints.files import Checkpoint, load_checkpoint, save_checkpoint
    from companion.inference.engine import InferenceEngine
    from companion.inference.live import LiveInfill, LiveJob
    from companion.inference.results import GenerationResult

_LAZY = {
    "Checkpoint": "checkpoints.files",
    "load_checkpoint": "checkpoints.files",
    "save_checkpoint": "checkpoints.files",
    "InferenceEngine": "engine",
    "GenerationResult": "results",
    "LiveInfill": "live",
    "LiveJob": "live",
}

__all__ = [
    "Checkpoint",
    "GenerationRequest",
    "GenerationResult",
    "InferenceConfig",
    "InferenceEngine",
    "LiveInfill",
    "LiveJob",
    "RequestValidationError",
    "TrackPrompt",
    "load_checkpoint",
    "save_checkpoint",
]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)
