"""Checkpoint files: every form loads the same weights, what is saved loads again, mismatches are named."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch

from companion.errors import CheckpointError
from companion.inference.backends.reference import build_model
from companion.inference.checkpoints.capabilities import capabilities
from companion.inference.checkpoints.files import ModelConfig, load_checkpoint, save_checkpoint
from companion.inference.engine import InferenceEngine
from tests import golden


def same_weights(one, other) -> bool:
    return all(torch.equal(one.state_dict[key], other.state_dict[key]) for key in one.config.shapes())


@pytest.mark.parametrize("suffix", ["pt", "safetensors"])
@pytest.mark.parametrize("name", ["yellow", "ghost", "expressive"])
def test_saved_checkpoints_load_the_same(tmp_path, checkpoint_of, name, suffix):
    original = checkpoint_of(name)
    path = save_checkpoint(tmp_path / f"copy.{suffix}", original.config, original.encoder_config, original.state_dict)
    copy = load_checkpoint(path)
    assert (copy.config, copy.encoder_config, copy.name) == (original.config, original.encoder_config, "copy")
    assert same_weights(copy, original)
    assert len(copy.sha) == 16
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("suffix", ["pt", "safetensors"])
@pytest.mark.parametrize("guided", [True, False])
def test_a_file_says_whether_the_model_was_trained_for_the_chord_guide(tmp_path, checkpoint_of, suffix, guided):
    original = checkpoint_of("yellow")
    parts = original.config, original.encoder_config, original.state_dict
    path = save_checkpoint(tmp_path / f"copy.{suffix}", *parts, chord_guide=guided)
    assert load_checkpoint(path).chord_guide is guided
    assert capabilities(load_checkpoint(path)).to_dict()["chord_guide"] is guided


def test_a_statement_that_is_not_a_plain_yes_counts_as_none(tmp_path, checkpoint_of):
    original = checkpoint_of("yellow")
    path = save_checkpoint(tmp_path / "copy.pt", original.config, original.encoder_config, original.state_dict)
    torch.save({**torch.load(path, weights_only=True), "chord_guide": "perhaps"}, path)
    assert load_checkpoint(path).chord_guide is False


@pytest.mark.skipif(not golden.FULL.is_dir(), reason="the full golden vectors are not beside the project")
@pytest.mark.parametrize("name", ["yellow", "ghost", "expressive", "expressive_new"])
def test_both_published_forms_hold_the_same(name):
    packed, tensors = (load_checkpoint(golden.FULL / "checkpoints" / f"{name}_tiny.{s}") for s in ("pt", "safetensors"))
    assert packed.config == tensors.config
    assert same_weights(packed, tensors)


def test_smaller_numbers_can_be_stored(tmp_path, checkpoint_of):
    original = checkpoint_of("yellow")
    path = save_checkpoint(
        tmp_path / "half.pt", original.config, original.encoder_config, original.state_dict, dtype=torch.bfloat16
    )
    loaded = load_checkpoint(path).state_dict["lm_head.weight"]
    assert loaded.dtype == torch.float32
    assert torch.allclose(loaded, original.state_dict["lm_head.weight"], atol=1e-2)


class _Exported(torch.nn.Module):
    def __init__(self, model) -> None:
        super().__init__()
        self.model = model

    def forward(self, ids):
        return self.model(ids, use_cache=False, return_dict=False)[0]


@pytest.fixture(scope="module")
def legacy_directory(tmp_path_factory, checkpoint_of):
    """A TorchScript export, as old releases made them, beside the encoder's config."""
    folder = tmp_path_factory.mktemp("legacy")
    original = checkpoint_of("yellow")
    model = build_model(original.config)
    model.load_state_dict(dict(original.state_dict))
    exported = torch.jit.trace(_Exported(model), torch.zeros(1, 4, dtype=torch.long), check_trace=False)
    exported.save(str(folder / "model.pt"))
    (folder / "config.json").write_text(json.dumps(original.encoder_config.to_dict()))
    return folder


@pytest.mark.filterwarnings("ignore")
def test_a_torchscript_directory_loads_without_running_it(legacy_directory, checkpoint_of, monkeypatch):
    monkeypatch.setattr(torch.jit, "load", lambda *args, **kwargs: pytest.fail("code from the file would run"))
    original, loaded = checkpoint_of("yellow"), load_checkpoint(legacy_directory)
    assert same_weights(loaded, original)
    assert loaded.config == replace(original.config, n_head=1)  # 64 per head unless the config says otherwise


@pytest.mark.parametrize("wrap", [lambda state: state, lambda state: {"state_dict": state, "epoch": 3}])
def test_a_directory_with_a_plain_state_dict_loads(tmp_path, checkpoint_of, wrap):
    original = checkpoint_of("yellow")
    buffers = {
        "transformer.h.0.attn.bias": torch.ones(1, 1, 8, 8),
        "transformer.h.0.attn.masked_bias": torch.tensor(-1e4),
    }
    torch.save(wrap(dict(original.state_dict) | buffers), tmp_path / "model.pt")
    (tmp_path / "config.json").write_text(json.dumps(original.encoder_config.to_dict()))
    assert same_weights(load_checkpoint(tmp_path), original)


def test_a_directory_may_state_its_heads(tmp_path, checkpoint_of):
    original = checkpoint_of("yellow")
    torch.save(dict(original.state_dict), tmp_path / "model.pt")
    (tmp_path / "config.json").write_text(json.dumps(original.encoder_config.to_dict() | {"n_head": 2}))
    assert load_checkpoint(tmp_path).config == original.config


def test_old_causal_buffers_are_dropped(tmp_path, packed):
    packed["state_dict"]["transformer.h.1.attn.bias"] = torch.ones(1, 1, 4, 4)
    torch.save(packed, tmp_path / "x.pt")
    assert "transformer.h.1.attn.bias" not in load_checkpoint(tmp_path / "x.pt").state_dict


@pytest.fixture
def packed(checkpoint_of):
    """The contents of a packed file, to be spoilt."""
    original = checkpoint_of("yellow")
    config = {name: getattr(original.config, name) for name in original.config.__slots__}
    return {
        "format_version": 1,
        "arch": "gpt2",
        "config": config,
        "encoder_config": original.encoder_config.to_dict(),
        "state_dict": dict(original.state_dict),
    }


def _set(path, value):
    def spoil(data):
        *parents, last = path
        for key in parents:
            data = data[key]
        if value is None:
            del data[last]
        else:
            data[last] = value

    return spoil


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_set(["format_version"], 3), "format_version is 3, expected 1"),
        (_set(["arch"], "llama"), "'llama' is not supported"),
        (_set(["config"], None), "model config is missing"),
        (_set(["config", "n_head"], None), "lacks.*n_head"),
        (_set(["config", "n_inner"], 7), "unknown keys.*n_inner"),
        (_set(["config", "n_layer"], 10**9), "n_layer must be"),
        (_set(["config", "n_head"], 3), "not divisible"),
        (_set(["config", "n_layer"], 3), "lacks 12 tensor"),
        (_set(["config", "n_positions"], 1024), "wpe.weight has shape"),
        (_set(["encoder_config"], None), "encoder_config is missing"),
        (_set(["encoder_config"], "{"), "encoder_config is not JSON"),
        (_set(["encoder_config", "velocity_levels"], "loud"), "velocity_levels"),
        (_set(["encoder_config", "token_domains"], [{"type": "Bar", "domain_size": 1}]), "encoder"),
        (_set(["state_dict"], None), "no state_dict"),
        (_set(["state_dict", "lm_head.weight"], None), "lacks 1 tensor.*lm_head"),
        (_set(["state_dict", "extra.weight"], torch.ones(1)), "unknown tensor.*extra.weight"),
        (_set(["state_dict", "lm_head.weight"], torch.ones(3, 3)), "shape"),
        (_set(["state_dict", "lm_head.weight"], torch.ones(1).expand(647, 64)), "larger than its data"),
        (_set(["state_dict", "lm_head.weight"], [1.0]), "not a floating-point tensor"),
        (_set(["state_dict", "lm_head.weight"], torch.ones(647, 64, dtype=torch.int64)), "not a floating-point tensor"),
        (_set(["state_dict", "lm_head.weight"], torch.full((647, 64), float("nan"))), "NaN"),
    ],
)
def test_mismatches_are_named_in_one_line(tmp_path, packed, spoil, message):
    spoil(packed)
    path = tmp_path / "spoilt.pt"
    torch.save(packed, path)
    with pytest.raises(CheckpointError, match=message) as caught:
        load_checkpoint(path)
    assert "spoilt.pt" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_vocabulary_that_is_not_the_models_is_refused(tmp_path, packed):
    packed["encoder_config"] = golden.config("ghost").to_dict()
    torch.save(packed, tmp_path / "x.pt")
    with pytest.raises(CheckpointError, match="647 tokens but its encoder config describes 650"):
        load_checkpoint(tmp_path / "x.pt")


def test_what_is_wrong_is_not_saved(tmp_path, checkpoint_of):
    original = checkpoint_of("yellow")
    with pytest.raises(CheckpointError, match="describes 650"):
        save_checkpoint(tmp_path / "x.pt", original.config, golden.config("ghost"), original.state_dict)
    with pytest.raises(CheckpointError, match="lacks"):
        save_checkpoint(tmp_path / "x.pt", original.config, original.encoder_config, {})
    with pytest.raises(CheckpointError, match="format 7"):
        save_checkpoint(tmp_path / "x.pt", original.config, original.encoder_config, original.state_dict, format=7)
    assert list(tmp_path.iterdir()) == []


def test_an_engine_with_its_graph_built_reads_weights_only_when_asked(tmp_path, checkpoint_path, monkeypatch):
    pytest.importorskip("companion.inference.backends.onnx.backend")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    first = InferenceEngine.from_checkpoint(checkpoint_path("yellow"), engine="onnx")
    second = InferenceEngine.from_checkpoint(checkpoint_path("yellow"), engine="onnx")
    assert second.checkpoint.config == first.checkpoint.config
    assert second.checkpoint.encoder_config == first.checkpoint.encoder_config
    assert same_weights(second.checkpoint, first.checkpoint)


def test_parameters_are_counted(checkpoint_of):
    checkpoint = checkpoint_of("yellow")
    assert checkpoint.config.parameters == sum(tensor.numel() for tensor in checkpoint.state_dict.values())
    assert ModelConfig(647, 2048, 512, 6, 8).parameters == 20_626_432
