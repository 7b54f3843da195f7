"""Encoder configs: the shipped ones, explicit and derived domains, and faults named by key."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.errors import EncoderConfigError
from companion.tokenizer import Encoder, EncoderConfig, TokenType, Vocabulary
from tests import golden


def test_shipped_names_and_paths_load(tmp_path):
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(EncoderConfig.load("yellow").to_dict()))
    assert EncoderConfig.load(path) == EncoderConfig.load("yellow")
    assert EncoderConfig.load("ghost").supports_mask_bar_token
    assert EncoderConfig.load("expressive").emit_delta_tokens
    assert EncoderConfig.load("yellow").attribute_names[0] == "note_density"


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(EncoderConfigError, match="expressive, expressive_v2, ghost, prism, yellow"):
        EncoderConfig.load("blue")


@pytest.mark.parametrize("name", golden.SHIPPED)
def test_explicit_domains_equal_derived_ones(name):
    derived = EncoderConfig.load(name)
    domains = [{"type": d["type"], "domain_size": d["size"]} for d in golden.load("vocab")[name]["domains"]]
    explicit = EncoderConfig.from_dict({**derived.to_dict(), "token_domains": domains})
    assert Vocabulary(explicit).domains == Vocabulary(derived).domains


@pytest.mark.parametrize(
    ("spelling", "token_type"),
    [
        ("NoteOnset", TokenType.NOTE_ONSET),
        ("TOKEN_NOTE_ONSET", TokenType.NOTE_ONSET),
        ("TOKEN_TIME_SIGNATURE", TokenType.TIME_SIG),
        ("PitchRange", TokenType.PITCH_RANGE),
        ("PieceEnd", TokenType.PIECE_END),
        ("OnsetPolyphony", TokenType.BAR_ONSET_POLYPHONY_MAX),
    ],
)
def test_spellings_of_token_types(spelling, token_type):
    assert TokenType.parse(spelling) is token_type


def test_keys_without_meaning_pass():
    config = EncoderConfig.from_dict({**EncoderConfig.load("yellow").to_dict(), "model_dim": 650})
    assert Vocabulary(config).size == 647


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"resolution": 0}, "resolution"),
        ({"resolution": "12"}, "resolution"),
        ({"velocity_levels": 129}, "velocity_levels"),
        ({"supports_infill": 1}, "supports_infill"),
        ({"pitch_range": [3]}, "pitch_range"),
        ({"time_signatures": ["4/0"]}, "time_signatures"),
        ({"time_signatures": 4}, "time_signatures"),
        ({"num_bars_map": [4, 4]}, "num_bars_map"),
        ({"instrument_merge_groups": [[0, 1], [1, 2]]}, "instrument_merge_groups"),
        ({"genre_groups": []}, "genre_groups"),
        ({"attribute_controls": [{"name": "groove"}]}, "groove"),
        ({"attribute_controls": [3]}, "attribute_controls"),
        ({"token_domains": [{"type": "Bar"}]}, "token_domains"),
        ({"token_domains": [{"type": "Bar", "domain_size": 1}] * 2}, "Bar twice"),
        ({"token_domains": [{"type": "TimeSig", "domain_size": 35}, {"type": "NumBars", "domain_size": 2}]}, "TimeSig"),
    ],
)
def test_faults_are_named(change, named):
    with pytest.raises(EncoderConfigError, match=named):
        EncoderConfig.from_dict({**EncoderConfig.load("yellow").to_dict(), **change})


@pytest.mark.parametrize("text", ["", "[]", "3", "{", "[" * 100_000])
def test_what_is_not_a_config_is_refused(text):
    with pytest.raises(EncoderConfigError):
        EncoderConfig.from_json(text)


@pytest.mark.parametrize(
    ("domains", "named"),
    [
        ([("Bar", 1)], "lacks PieceStart"),
        ([("PieceStart", 2), ("Delta", 1_000_000)], "lacks|more than"),
        ([], "empty"),
    ],
)
def test_a_vocabulary_that_cannot_serve_is_refused(domains, named):
    entries = [{"type": name, "domain_size": size} for name, size in domains]
    with pytest.raises(EncoderConfigError, match=named):
        Vocabulary(EncoderConfig.from_dict({"token_domains": entries}))


@pytest.mark.parametrize(("name", "size"), [("NoteOnset", 129), ("VelocityLevel", 200), ("Delta", 500_000)])
def test_oversized_domains_are_refused(name, size):
    domains = {d["type"]: d["size"] for d in golden.load("vocab")["yellow"]["domains"]} | {name: size}
    entries = [{"type": key, "domain_size": value} for key, value in domains.items()]
    with pytest.raises(EncoderConfigError, match="more than"):
        Vocabulary(EncoderConfig.from_dict({**EncoderConfig.load("yellow").to_dict(), "token_domains": entries}))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 200) | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(
    st.dictionaries(
        st.sampled_from([*sorted(EncoderConfig.load("yellow").to_dict()), "token_domains", "genre_groups"]), JSON
    )
)
@settings(max_examples=300, deadline=None)
def test_any_json_gives_a_vocabulary_or_a_named_fault(change):
    data = {**EncoderConfig.load("yellow").to_dict(), **change}
    try:
        vocabulary = Vocabulary(EncoderConfig.from_dict(data))
    except EncoderConfigError as error:
        if not str(error).startswith("encoder config: "):
            pytest.fail(f"a fault without its place: {error}")
        return
    assert vocabulary.size == sum(size for _, size in vocabulary.domains.values())
    Encoder(vocabulary)


def test_what_a_newer_encoder_has_takes_up_ids_and_is_named():
    config = EncoderConfig.load("prism")
    data = config.to_dict()
    domains = [*data["token_domains"][:5], {"type": "Swing", "domain_size": 7}, *data["token_domains"][5:]]
    controls = [*data["attribute_controls"], {"name": "swing"}, {"name": "Swing"}]
    newer = EncoderConfig.from_dict({**data, "token_domains": domains, "attribute_controls": controls})
    assert newer.unknown_controls == ("Swing", "swing")
    assert newer.attributes == config.attributes
    ours, theirs = Vocabulary(config), Vocabulary(newer)
    assert theirs.size == ours.size + 7
    shift = theirs.first_id(TokenType.BAR) - ours.first_id(TokenType.BAR)
    assert shift in (0, 7)
    unknown = [token for token in range(theirs.size) if theirs.type_of(token)[0] is TokenType.UNKNOWN]
    assert len(unknown) == 7
    assert config.unknown_controls == ()
    with pytest.raises(EncoderConfigError, match="Swing twice"):
        EncoderConfig.from_dict({**data, "token_domains": [*domains, {"type": "Swing", "domain_size": 7}]})
