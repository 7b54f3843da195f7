"""Ids and value maps equal midigpt's; names are readable."""

from __future__ import annotations

import pytest

from companion.errors import TokenizerError
from companion.music import TimeSignature
from companion.tokenizer import TokenType, Vocabulary
from tests import golden

CONFIGS = (*golden.SHIPPED, "expressive_new")


@pytest.mark.parametrize("name", CONFIGS)
def test_domains_and_maps_equal_the_golden_ones(name):
    expected = golden.load("vocab")[name]
    vocabulary = Vocabulary(golden.config(name))
    assert vocabulary.size == expected["vocab_size"]
    found = [{"type": t.value, "size": size, "first_id": first} for t, (first, size) in vocabulary.domains.items()]
    assert found == expected["domains"]
    assert list(vocabulary.velocities) == expected["velocity_decode"]
    assert list(vocabulary.velocity_levels[1:]) == expected["velocity_encode"][1:]
    assert list(vocabulary.instrument_classes) == expected["instrument_encode"]
    assert list(vocabulary.programs) == expected["instrument_decode"]
    assert [str(meter) for meter in vocabulary.meters] == expected["time_signatures"]
    assert list(vocabulary.config.num_bars_map) == expected["num_bars"]
    attributes = [
        [a.name, a.token_type.value, "bar" if a.per_bar else "track", a.tracks, a.levels]
        for a in vocabulary.config.attributes
    ]
    assert attributes == expected["attributes"]


@pytest.mark.parametrize("name", CONFIGS)
def test_every_id_has_one_type_and_value(name):
    vocabulary = Vocabulary(golden.config(name))
    for token_id in range(vocabulary.size):
        assert vocabulary.id(*vocabulary.type_of(token_id)) == token_id
        assert vocabulary.describe(token_id).startswith(vocabulary.id_types[token_id].value)


def test_names_are_readable():
    vocabulary = Vocabulary(golden.config("expressive"))
    named = {
        (TokenType.NOTE_ONSET, 60): "NoteOnset C4 (60)",
        (TokenType.NOTE_DURATION, 11): "NoteDuration 12/12 beat",
        (TokenType.TIME_ABSOLUTE_POS, 15): "TimeAbsolutePos beat 2 + 3/12",
        (TokenType.TIME_SIG, 3): "TimeSig 6/8",
        (TokenType.NUM_BARS, 1): "NumBars 8",
        (TokenType.TRACK, 1): "Track drum",
        (TokenType.PIECE_START, 1): "PieceStart infill",
        (TokenType.DELTA_DIRECTION, 0): "DeltaDirection early",
        (TokenType.BAR_END, 0): "BarEnd",
        (TokenType.VELOCITY_LEVEL, 90): "VelocityLevel 90 (velocity 90)",
        (TokenType.INSTRUMENT, 0): "Instrument program 0",
    }
    assert {key: vocabulary.describe(vocabulary.id(*key)) for key in named} == named


def test_what_is_not_in_the_vocabulary_is_refused():
    vocabulary = Vocabulary(golden.config("yellow"))
    for call in (
        lambda: vocabulary.id(TokenType.MASK_BAR),
        lambda: vocabulary.id(TokenType.TRACK, 2),
        lambda: vocabulary.type_of(647),
        lambda: vocabulary.type_of(-1),
        lambda: vocabulary.meter_index(TimeSignature(11, 4)),
        lambda: vocabulary.num_bars_index(5),
    ):
        with pytest.raises(TokenizerError, match="not"):
            call()
