"""Everything that a run needs to continue exactly where it stopped, in one file."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from companion.errors import TrainingError
from companion.training.examples.batches import StreamPosition
from companion.training.network.schedule import Schedule
from companion.training.run.files import load_tensors, save_tensors

_VERSION = 1


@dataclass(slots=True)
class Progress:
    """The progress of a run. seconds: training time over all its parts. best_valid: lowest validation loss, in bits per token."""

    step: int = 0
    tokens: int = 0
    seconds: float = 0.0
    best_valid: float = float("inf")
    position: StreamPosition = field(default_factory=StreamPosition)


def save_state(
    path: Path,
    model: torch.nn.Module,
    optimizers: list[torch.optim.Optimizer],
    schedule: Schedule,
    progress: Progress,
    positions: list[StreamPosition],
    fingerprint: str,
) -> None:
    """Write model, optimisers, schedule, counters, every process's data position and random state.

    Raises TrainingError on a full disk.
    """
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    content = {
        "version": _VERSION,
        "fingerprint": fingerprint,
        "model": model.state_dict(),
        "optimizers": [optimizer.state_dict() for optimizer in optimizers],
        "schedule": asdict(schedule),
        "progress": asdict(progress),
        "positions": [asdict(position) for position in positions],
        "random": {"torch": torch.get_rng_state(), "cuda": cuda},
    }
    save_tensors(path, content)


def load_state(
    path: Path,
    model: torch.nn.Module,
    optimizers: list[torch.optim.Optimizer],
    fingerprint: str,
    rank: int = 0,
    world: int = 1,
) -> tuple[Schedule, Progress]:
    """Restore a saved state, for process `rank` of `world`.

    Raises TrainingError when the file is broken or belongs to a run with other settings or another number of processes.
    """
    content: dict[str, Any] = load_tensors(path)
    if not isinstance(content, dict) or content.get("version") != _VERSION:
        raise TrainingError(f"{path}: not a training state of this version")
    if content["fingerprint"] != fingerprint:
        raise TrainingError(
            f"{path}: belongs to a run with another model, data or sample settings; train into another folder"
        )
    try:
        model.load_state_dict(content["model"])
        for optimizer, saved in zip(optimizers, content["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
    except (KeyError, ValueError, RuntimeError) as error:
        raise TrainingError(f"{path}: does not fit this model ({str(error).splitlines()[0]})") from None
    torch.set_rng_state(content["random"]["torch"])
    if content["random"]["cuda"] and torch.cuda.is_available():
        torch.cuda.set_rng_state_all(content["random"]["cuda"])
    counters = dict(content["progress"])
    positions = content.get("positions", [counters["position"]])
    if len(positions) != world:
        raise TrainingError(f"{path}: saved by {len(positions)} processes, this run has {world}")
    counters["position"] = StreamPosition(**positions[rank])
    return Schedule(**content["schedule"]), Progress(**counters)
