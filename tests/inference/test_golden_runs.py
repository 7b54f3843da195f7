"""Whole greedy runs, step after step, write the same tokens as midigpt wherever its grammar does not go astray."""

from __future__ import annotations

import pytest

from companion.inference.decoding.token_loop import PromptRunner
from companion.inference.engine import InferenceEngine
from companion.inference.requests.request import GenerationRequest
from companion.tokenizer import Tokenizer, TokenType, Vocabulary
from tests import golden

NAMES = golden.SHIPPED if golden.FULL.is_dir() else ("yellow", "ghost")


def states_attributes(record) -> bool:
    """A whole track that midigpt begins with attributes: ours says each once, so the tokens after them answer another prompt."""
    vocabulary = Vocabulary(golden.config(record["config"]))
    whole = record["name"].startswith("ar_full") and record["steps"]
    return bool(whole) and vocabulary.type_of(record["steps"][0]["generated"][0])[0] is not TokenType.BAR


def is_comparable(record) -> bool:
    """Not the runs that midigpt derails: see docs/differences.md."""
    request = record["request"]
    hides = any(track["mask_bars"] for track in request["tracks"])
    wrong_mode = request["mask_mode"] in ("attention_skip", "attention_approx") and hides
    writes_mask_bar = record["config"] == "ghost" and any(track["autoregressive"] for track in request["tracks"])
    return record["config"] in NAMES and not (
        record["error"] or wrong_mode or writes_mask_bar or states_attributes(record)
    )


RECORDS = [record for record in golden.load("runs") if is_comparable(record)]
ENDLESS = 1800  # tokens: a run that states attributes until the model's context is full
WHOLE = [
    record
    for record in golden.load("runs")
    if record["config"] in NAMES and states_attributes(record) and len(record["steps"][0]["generated"]) < ENDLESS
]


@pytest.fixture(scope="module")
def legacy_engine(checkpoint_of):
    engines = {}

    def find(name: str) -> InferenceEngine:
        if name not in engines:
            engine = InferenceEngine.from_checkpoint(checkpoint_of(name), engine="reference")
            engine.tokenizer = Tokenizer(engine.checkpoint.encoder_config, legacy=True)
            engine.runner = PromptRunner(engine.backend, engine.tokenizer)
            engines[name] = engine
        return engines[name]

    return find


def test_most_runs_are_comparable():
    assert len(RECORDS) >= 60
    assert any(record["name"].startswith("ar_full") for record in RECORDS)


@pytest.mark.parametrize("record", RECORDS, ids=lambda r: f"{r['name']}-{r['config']}-{r['request']['mask_mode']}")
def test_greedy_run_equals_midigpts(legacy_engine, record):
    assert generated(legacy_engine(record["config"]), record) == [step["generated"] for step in record["steps"]]


@pytest.mark.parametrize("record", WHOLE, ids=lambda r: f"{r['name']}-{r['config']}")
def test_a_whole_tracks_attributes_are_midigpts_with_its_grammar(legacy_engine, record, monkeypatch):
    """Up to the first bar: there midigpt states the meter, or a MaskBar; the bare table used here takes a note at once."""
    engine = legacy_engine(record["config"])
    monkeypatch.setattr(engine.runner, "grammar", engine.tokenizer.grammar)
    bar = engine.tokenizer.vocabulary.id(TokenType.BAR)
    ours, theirs = generated(engine, record)[0], record["steps"][0]["generated"]
    assert theirs.index(bar) > 1
    after = ours.index(bar) + 1
    assert ours[:after] == theirs[:after]
    types = [engine.tokenizer.vocabulary.type_of(ids[after])[0] for ids in (ours, theirs)]
    assert types[0] is TokenType.NOTE_ONSET
    assert types[1] in (TokenType.TIME_SIG, TokenType.MASK_BAR)


def generated(engine: InferenceEngine, record) -> list[list[int]]:
    """The tokens of every step of the record's request."""
    request = record["request"]
    options = {"model_dim": request["model_dim"], "mask_mode": request["mask_mode"], "top_k": 1, "max_attempts": 1}
    options |= {
        "novelty_check": False,
        "silence_check": False,
        "analyze_targets": True,
        "leak_targets": True,
        "steer": False,
    }
    asked = GenerationRequest.from_dict(
        {"tracks": request["tracks"], "config": options | request["options"] | record["limits"]}
    )
    result = engine.generate(golden.read(request["file"]), asked)
    return [list(step.generated_ids) for step in result.steps]
