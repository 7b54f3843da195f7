from __future__ import annotations

from pathlib import Path

import pytest
import torch

from companion.errors import CheckpointError, TrainingError
from companion.inference.checkpoints.files import load_checkpoint
from companion.tokenizer import EncoderConfig, Vocabulary
from companion.tokenizer.token_types import TokenType
from companion.training.config import ModelSettings
from companion.training.network.export import export, mark_chord_guide
from companion.training.network.model import build_model
from companion.training.network.transfer import init_from_checkpoint, token_map

SETTINGS = ModelSettings(32, 2, 2, 64)


def vocabulary(name: str) -> Vocabulary:
    return Vocabulary(EncoderConfig.load(name))


def test_a_vocabulary_maps_onto_itself() -> None:
    yellow = vocabulary("yellow")
    assert token_map(yellow, yellow) == list(range(yellow.size))


FRESH = {
    "ghost": {TokenType.MASK_BAR, TokenType.NUM_BARS},
    "expressive": {TokenType.DELTA, TokenType.DELTA_DIRECTION},
}


@pytest.mark.parametrize(("name", "fresh"), FRESH.items())
def test_tokens_map_by_what_they_say(name: str, fresh: set[TokenType]) -> None:
    new, old = vocabulary(name), vocabulary("yellow")
    for token, source in enumerate(token_map(new, old)):
        kind, value = new.type_of(token)
        if source < 0:
            assert kind in fresh
            continue
        old_kind, old_value = old.type_of(source)
        assert kind is old_kind
        if kind is TokenType.TIME_SIG:
            assert new.config.time_signatures[value] == old.config.time_signatures[old_value]
        elif kind is TokenType.VELOCITY_LEVEL and value:
            assert old.velocity_levels[new.velocities[value]] == old_value
        elif kind is TokenType.NUM_BARS:
            assert new.config.num_bars_map[value] == old.config.num_bars_map[old_value]
        elif kind is not TokenType.VELOCITY_LEVEL:
            assert value == old_value


def test_rows_and_blocks_arrive(tmp_path: Path) -> None:
    torch.manual_seed(0)
    old = build_model(SETTINGS, vocabulary("yellow").size).half().float()
    export(old, EncoderConfig.load("yellow"), tmp_path / "yellow.pt")
    new = build_model(SETTINGS, vocabulary("ghost").size)
    fresh = new.transformer.wte.weight.detach().clone()
    known = init_from_checkpoint(new, vocabulary("ghost"), tmp_path / "yellow.pt")
    mapping = token_map(vocabulary("ghost"), vocabulary("yellow"))
    assert known == sum(source >= 0 for source in mapping)
    for token, source in enumerate(mapping):
        expected = old.transformer.wte.weight[source] if source >= 0 else fresh[token]
        assert torch.equal(new.transformer.wte.weight[token], expected)
    assert torch.equal(new.transformer.h[1].mlp.c_fc.weight, old.transformer.h[1].mlp.c_fc.weight)


def test_other_shapes_and_broken_files_are_refused(tmp_path: Path) -> None:
    yellow = EncoderConfig.load("yellow")
    export(build_model(SETTINGS, 647), yellow, tmp_path / "yellow.pt")
    for settings in (ModelSettings(48, 2, 2, 64), ModelSettings(32, 3, 2, 64)):
        with pytest.raises(TrainingError, match="init_from"):
            init_from_checkpoint(build_model(settings, 647), Vocabulary(yellow), tmp_path / "yellow.pt")
    (tmp_path / "broken.pt").write_bytes(b"nothing")
    with pytest.raises(CheckpointError, match=r"broken\.pt"):
        init_from_checkpoint(build_model(SETTINGS, 647), Vocabulary(yellow), tmp_path / "broken.pt")


@pytest.mark.parametrize("guided", [True, False])
def test_a_file_can_be_marked_as_trained_for_the_chord_guide(tmp_path: Path, guided: bool) -> None:
    torch.manual_seed(0)
    export(build_model(SETTINGS, 647), EncoderConfig.load("yellow"), tmp_path / "plain.pt", chord_guide=not guided)
    mark_chord_guide(tmp_path / "plain.pt", tmp_path / "marked.pt", guided)
    before, after = (load_checkpoint(tmp_path / name) for name in ("plain.pt", "marked.pt"))
    assert (before.chord_guide, after.chord_guide) == (not guided, guided)
    assert all(torch.equal(before.state_dict[name], after.state_dict[name]) for name in before.state_dict)
