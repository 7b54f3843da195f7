"""Checkpoints for the engine tests: made on the fly, so they need no files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from companion.inference.checkpoints.files import Checkpoint, ModelConfig
from companion.tokenizer.encoder_config import EncoderConfig

MakeCheckpoint = Callable[..., Checkpoint]


@pytest.fixture(scope="session")
def make_checkpoint() -> MakeCheckpoint:
    """make_checkpoint(width, layers, heads): random weights, larger than at initialisation so that every part matters."""

    def make(width: int = 64, layers: int = 2, heads: int = 4, positions: int = 256, scale: float = 0.15) -> Checkpoint:
        config = ModelConfig(650, positions, width, layers, heads)
        generator = torch.Generator().manual_seed(1)
        state = {name: scale * torch.randn(shape, generator=generator) for name, shape in config.shapes().items()}
        for name in state:
            if ".ln_" in name and name.endswith("weight"):
                state[name] += 1.0
        return Checkpoint(config, EncoderConfig.load("ghost"), state, Path("/nonexistent/random.pt"), "random")

    return make
