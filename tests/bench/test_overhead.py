"""What a token costs beside the model, and what a batch costs: that the measurements measure, not what they find."""

from __future__ import annotations

import numpy as np
import pytest

from companion.bench.engines.batches import pass_ratios
from companion.bench.engines.material import find_checkpoint, make_score, one_bar_request
from companion.bench.engines.measure import Row
from companion.bench.engines.overhead import NoModel, host_ms_a_token
from companion.bench.report import table
from companion.inference.backends.onnx.backend import OnnxBackend
from companion.inference.decoding.token_loop import PromptRunner
from companion.inference.prompts.prompt import build_prompt
from companion.tokenizer import Tokenizer
from companion.tokenizer.encoder_config import EncoderConfig

TOKENIZER = Tokenizer(EncoderConfig.load("yellow"))
REQUEST = one_bar_request(make_score(4, 3, seed=1))


@pytest.mark.parametrize("steered", [False, True])
def test_the_host_is_timed_with_a_model_that_computes_nothing(steered):
    assert 0 < host_ms_a_token(TOKENIZER, REQUEST, steered) < 1000


def test_the_model_that_computes_nothing_writes_the_same_bar_for_the_same_seed():
    runs = []
    for _ in range(2):
        model = NoModel(TOKENIZER.vocabulary.size)
        cache = model.new_cache()
        runs.append([model.forward(cache, np.zeros((1, 2)), np.zeros((1, 2)))[0].tolist() for _ in range(3)])
        assert cache.length == 6
    assert runs[0] == runs[1]


@pytest.mark.parametrize("takes", [False, True], ids=["parts", "takes"])
def test_passes_over_several_rows_are_compared_with_one(tmp_path, takes):
    checkpoint = find_checkpoint("random:64x2x2", tmp_path)
    tokenizer = Tokenizer(checkpoint.encoder_config)
    runner = PromptRunner(OnnxBackend.from_checkpoint(checkpoint, cache_dir=tmp_path), tokenizer)
    ratios = pass_ratios(runner, build_prompt(tokenizer, REQUEST), sizes=(1, 3), takes=takes)
    assert ratios is not None
    assert ratios[1] == 1
    assert ratios[3] > 0
    assert pass_ratios(PromptRunner(NoModel(10), tokenizer), build_prompt(tokenizer, REQUEST)) is None


def test_both_are_told():
    row = Row(
        "onnx", "yellow", 1, 8, 4, 800, 10.0, 0.2, {"p50": 20.0, "p99": 30.0}, 5000.0, None, None, False, 3,
        host_ms={"plain": 0.05, "steered": 0.125}, pass_ratios={1: 1.0, 2: 1.5, 3: 2.0},
        take_ratios={1: 1.0, 4: 1.75},
    )  # fmt: skip
    told = table([row])
    assert "0.050 ms are not the model's (0.125 ms with dials and chords)" in told
    assert "parts of a bar in one batch, against one alone: 2 in 1.50×, 3 in 2.00×" in told
    assert "takes of a part in one batch, against one alone: 4 in 1.75×" in told
