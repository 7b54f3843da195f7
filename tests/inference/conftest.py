"""Tiny checkpoints and engines that the tests of inference share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from companion.inference.backends.reference import build_model
from companion.inference.checkpoints.files import Checkpoint, ModelConfig, load_checkpoint, save_checkpoint
from companion.inference.engine import InferenceEngine
from companion.tokenizer import Vocabulary
from tests import golden

torch.set_num_threads(1)


def random_checkpoint(name: str, path: Path, n_positions: int = 2048, seed: int = 0) -> Path:
    """A checkpoint with random weights for one of the vectors' encoders."""
    encoder = golden.config(name)
    config = ModelConfig(Vocabulary(encoder).size, n_positions, 32, 2, 2)
    torch.manual_seed(seed)
    weights = {key: value for key, value in build_model(config).state_dict().items() if key in config.shapes()}
    return save_checkpoint(path, config, encoder, weights)


@pytest.fixture(scope="session")
def checkpoint_path(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Path of a tiny checkpoint: midigpt's own where we have it, else one with random weights."""
    folder = tmp_path_factory.mktemp("checkpoints")

    def find(name: str) -> Path:
        found = golden.checkpoint(name, folder)
        return found or random_checkpoint(name, folder / f"{name}_tiny.safetensors")

    return find


@pytest.fixture(scope="session")
def checkpoint_of(checkpoint_path: Callable[[str], Path]) -> Callable[[str], Checkpoint]:
    """A loaded tiny checkpoint, loaded once."""
    loaded: dict[str, Checkpoint] = {}

    def find(name: str) -> Checkpoint:
        if name not in loaded:
            loaded[name] = load_checkpoint(checkpoint_path(name))
        return loaded[name]

    return find


@pytest.fixture(scope="session")
def engine_of(checkpoint_of: Callable[[str], Checkpoint]) -> Callable[[str], InferenceEngine]:
    """A reference engine for a tiny checkpoint, made once."""
    engines: dict[str, InferenceEngine] = {}

    def find(name: str) -> InferenceEngine:
        if name not in engines:
            engines[name] = InferenceEngine.from_checkpoint(checkpoint_of(name), engine="reference")
        return engines[name]

    return find


@pytest.fixture
def band():
    """Eight bars of three melodic tracks and drums."""
    return golden.read("synth/s14_band8.mid")
