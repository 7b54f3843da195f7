"""Every case of midigpt's validation vectors is judged the same way, with a message that names what is possible."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from companion.errors import RequestValidationError, UsageError
from companion.inference.requests.request import GenerationRequest, InferenceConfig, TrackPrompt
from companion.inference.requests.validation import validate_request
from companion.music import Bar, Score, TimeSignature
from companion.tokenizer import Vocabulary
from tests import golden

VOCABULARIES = {name: Vocabulary(golden.config(name)) for name in (*golden.SHIPPED, "expressive_new")}
PROMPTS = [TrackPrompt(0, bars=(5,)), TrackPrompt(1), TrackPrompt(2), TrackPrompt(3)]


def with_prompt(track: int, **changes) -> list[TrackPrompt]:
    return [replace(prompt, **changes) if prompt.id == track else prompt for prompt in PROMPTS]


# name of the vector → the prompts of its request
REQUESTS = {
    "missing track": PROMPTS[:3],
    "duplicate": [*PROMPTS, PROMPTS[0]],
    "empty tracks": [],
    "bad id": [*PROMPTS, TrackPrompt(9)],
    "bar out of range": with_prompt(0, bars=(8,)),
    "nothing": with_prompt(0, bars=()),
    "ignore with bars": with_prompt(0, ignore=True),
    "ar and ignore": with_prompt(0, autoregressive=True, ignore=True),
    "mask overlap": with_prompt(0, mask_bars=(5,)),
    "mask out of range": with_prompt(0, mask_bars=(99,)),
    "mask on ignored": with_prompt(1, ignore=True, mask_bars=(1,)),
    "ar not suffix": with_prompt(0, autoregressive=True, bars=(4, 5)),
    "ar gap": with_prompt(0, autoregressive=True, bars=(4, 7)),
    "attr unknown": with_prompt(0, attributes={"foo": 1}),
    "attr range": with_prompt(0, attributes={"max_polyphony": 10}),
    "attr drum only": with_prompt(0, attributes={"note_density": 3}),
    "attr melodic only": with_prompt(3, attributes={"max_polyphony": 3}),
    "attr bar level": with_prompt(0, attributes={"bar_max_polyphony": 3}),
    "control unknown": with_prompt(0, controls={"zz": 1}),
    "time signature index": with_prompt(0, controls={"time_signature": 36}),
    "future target": with_prompt(0, mask_bars=(5,)),  # we have no future flag on bars: hidden bars are the request's
}
CONTROLS = {
    "piece control unknown": {"swing": 1},
    "velocity off not switchable": {"velocity": False},
    "microtiming on yellow": {"microtiming": True},
    "genre none": {"genre": "jazz"},
    "genre bad": {"genre": "zzz"},
    "velocity type": {"velocity": 1},
}


def score_for(name: str) -> Score:
    band = golden.read("synth/s14_band8.mid")
    if name == "short score":
        return band.window(0, 4)
    if name in ("model_dim", "model_dim auto"):
        return golden.read("synth/s14_band16.mid")
    first = band.tracks[0]
    changed = {
        "unknown time signature": band.with_track(0, first.with_bar(0, Bar((), TimeSignature(11, 4)))),
        "unequal lengths": band.with_track(0, replace(first, bars=first.bars[:7])),
        "no tracks": replace(band, tracks=()),
        "zero bars": band.window(0, 0),
    }
    return changed.get(name, band)


@pytest.mark.parametrize("record", golden.load("validation"), ids=lambda r: f"{r['name']}-{r['config']}-{r['options']}")
def test_judged_as_midigpt_does(record):
    name, vocabulary = record["name"], VOCABULARIES[record["config"]]
    config = InferenceConfig.from_dict(record["options"])
    request = GenerationRequest(tuple(REQUESTS.get(name, PROMPTS)), config, CONTROLS.get(name, {}))
    if record["ok"] and config.mask_mode != "nonsense":
        resolved = validate_request(score_for(name), request, vocabulary)
        assert (resolved.model_dim, resolved.mask_mode) == (record["model_dim"], record["mask_mode"])
        return
    with pytest.raises(RequestValidationError) as caught:
        validate_request(score_for(name), request, vocabulary)
    message = str(caught.value)
    assert "\n" not in message
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, UsageError)
    for word in _facts(record):
        assert word in message


def _facts(record) -> list[str]:
    """What midigpt's message says beyond prose: the names and values in the request."""
    if record["ok"]:
        return ["nonsense", "attention"]
    values = [str(value) for key, value in record["options"].items() if key == record["name"] and key != "max_attempts"]
    words = (
        "track_id=0",
        "track_id=9",
        "[3]",
        "[4, 8]",
        "11/4",
        "'foo'",
        "'zz'",
        "[7, 8, 8, 8]",
        "'zzz'",
        "right-suffix",
    )
    return values + [word for word in words if word in record.get("message", "")]


@pytest.mark.parametrize("name", [*REQUESTS, *CONTROLS])
def test_every_request_case_is_one_of_the_vectors(name):
    assert name in {record["name"] for record in golden.load("validation")}


@pytest.mark.parametrize(
    "options",
    [
        {"temperature": "hot"},
        {"temperature": float("nan")},
        {"top_p": None},
        {"seed": 1.5},
        {"top_k": True},
        {"engine": "abacus"},
        {"model_dim": "huge"},
        {"mask_mode": None},
        {"polyphony_hard_limit": -1},
    ],
)
def test_values_of_the_wrong_kind_are_refused(options, band):
    request = GenerationRequest(tuple(PROMPTS), replace(InferenceConfig(), **options))
    with pytest.raises(RequestValidationError, match=str(next(iter(options)))):
        validate_request(band, request, VOCABULARIES["yellow"])


def test_requests_are_read_from_plain_mappings():
    request = GenerationRequest.from_dict(
        {"tracks": [{"track_id": 0, "bars": [1, 2]}, {"id": 1, "ignore": True}], "config": {"takes": 3}}
    )
    assert request.tracks[0].bars == (1, 2)
    assert request.config.num_candidates == request.config.takes == 3
    with pytest.raises(RequestValidationError, match="temprature"):
        InferenceConfig.from_dict({"temprature": 1})
    with pytest.raises(RequestValidationError, match="needs an id"):
        TrackPrompt.from_dict({"bars": []})


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 20) | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)
FIELDS = st.sampled_from(sorted(InferenceConfig.__dataclass_fields__))
PROMPT_FIELDS = st.sampled_from(sorted(TrackPrompt.__dataclass_fields__))


@given(
    config=st.dictionaries(FIELDS, JSON_VALUES, max_size=3),
    track=st.dictionaries(PROMPT_FIELDS, JSON_VALUES, max_size=3),
)
def test_any_mapping_is_accepted_or_refused_in_one_line(config, track):
    document = {"tracks": [{"id": 0, "bars": [2]} | track, *({"id": number} for number in (1, 2, 3))], "config": config}
    try:
        request = GenerationRequest.from_dict(document)
        resolved = validate_request(golden.read("synth/s14_band8.mid"), request, VOCABULARIES["ghost"])
    except RequestValidationError as error:
        outcome = str(error).splitlines()
    else:
        outcome = [resolved.mask_mode] if resolved.targets else []
    assert len(outcome) == 1
