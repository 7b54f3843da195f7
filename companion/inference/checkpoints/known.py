"""Checkpoints of which everything but the weights is known already, so that neither the file nor torch is needed at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from companion.inference.checkpoints.files import Checkpoint, ModelConfig, load_checkpoint
from companion.tokenizer.encoder_config import EncoderConfig


class UnreadWeights(Mapping[str, Any]):
    """The state dict of a checkpoint file. The file is read on the first access."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @cached_property
    def _weights(self) -> Mapping[str, Any]:
        return load_checkpoint(self._path).state_dict

    def __getitem__(self, key: str) -> Any:
        return self._weights[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._weights)

    def __len__(self) -> int:
        return len(self._weights)


def known_checkpoint(
    path: Path, config: Mapping[str, Any], encoder_config: Mapping[str, Any], chord_guide: bool
) -> Checkpoint:
    """A checkpoint whose contents were checked earlier; an engine's cache confirms the file's hash. The weights are not read."""
    model, encoder = ModelConfig.from_dict(config), EncoderConfig.from_dict(encoder_config)
    return Checkpoint(model, encoder, UnreadWeights(path), path, path.stem, chord_guide)
