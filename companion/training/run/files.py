"""Writes files completely or not at all: to a temporary file in the same folder, which is then moved into place."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from companion.errors import TrainingError


@contextmanager
def disk_faults(path: Path) -> Iterator[None]:
    """Turn a failed write of `path` into a TrainingError that names it. torch reports such failures as RuntimeError."""
    try:
        yield
    except (OSError, RuntimeError) as error:
        torch_writer = "PytorchStreamWriter" in str(error) or "inline_container" in str(error)  # torch names no cause
        full = getattr(error, "errno", None) == errno.ENOSPC or torch_writer
        reason = "the disk is full" if full else getattr(error, "strerror", None) or str(error)
        raise TrainingError(f"cannot write {path}: {reason}; what was saved before is untouched") from None


def write_whole(path: Path, write: Callable[[Path], Any]) -> None:
    """Call `write` with a temporary path in the same folder, then move the file to `path`.

    Raises TrainingError when the file cannot be written. The previous file at `path` is then unchanged.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    with disk_faults(path):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write(partial)
            with partial.open("rb") as stream:
                os.fsync(stream.fileno())
            os.replace(partial, path)
        finally:
            partial.unlink(missing_ok=True)


def save_tensors(path: Path, content: dict[str, Any]) -> None:
    """Do torch.save, completely or not at all."""
    write_whole(path, lambda partial: torch.save(content, partial))


def load_tensors(path: Path) -> Any:
    """Do torch.load for plain values and tensors only, so that no code is run. Raises TrainingError for a broken file."""
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise TrainingError(f"no such file: {path}") from None
    except Exception as error:  # torch.load raises many types of error for broken or hostile files
        raise TrainingError(f"cannot read {path}: {str(error).splitlines()[0]}") from None
