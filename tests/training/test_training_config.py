from __future__ import annotations

import re
from pathlib import Path

import pytest

from companion.errors import ConfigError
from companion.tokenizer import EncoderConfig
from companion.training.config import TrainingConfig

SHIPPED = sorted((Path(__file__).parents[2] / "configs" / "training").glob("*.toml"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_configs_are_valid_and_fit_their_encoder(path: Path) -> None:
    config = TrainingConfig.load(path)
    windows = EncoderConfig.load(config.run.encoder).num_bars_map
    assert len(config.samples.window_weights) == len(windows)
    assert abs(sum(config.samples.window_weights) - 1) < 1e-9


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[modle]\n", ["bad.toml", "modle", "model"]),
        ("[model]\nwidht = 3\n", ["bad.toml", "[model]", "widht", "width"]),
        ("[model]\nwidth = 'wide'\n", ["[model] width", "expected int"]),
        ("[model]\nwidth = true\n", ["[model] width", "expected int"]),
        ("[model]\nwidth = 0\n", ["[model] width", ">= 1"]),
        ("[model]\ndropout = 1.0\n", ["[model] dropout", "< 1.0"]),
        ("[data.weights]\njam = -1\n", ["[data] weights", ">= 0"]),
        ("[optimizer]\nbetas = [0.9]\n", ["[optimizer] betas", "length 2"]),
        ("[model]\nwidth = 100\nheads = 3\n", ["multiple"]),
        ("[samples]\nlive = 0.8\ninfill = 0.8\n", ["must not exceed 1"]),
        ("[samples]\nwindow_weights = ['a']\n", ["window_weights"]),
        ("[optimizer]\nname = 'sgd'\n", ["muon", "adamw"]),
        ("run = 3\n", ["[run]", "table"]),
        ("[run\n", ["bad.toml"]),
    ],
)
def test_a_bad_config_is_named_in_one_line(tmp_path: Path, text: str, words: list[str]) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=".*".join(map(re.escape, words))) as caught:
        TrainingConfig.load(path)
    assert "\n" not in str(caught.value)


def test_a_missing_config_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nowhere"):
        TrainingConfig.load(tmp_path / "nowhere.toml")
