"""Leaving a note a part has stayed on."""

from __future__ import annotations

import numpy as np
import pytest

from companion.inference.steering.variety import variety_bias
from companion.music import Bar, Note, Score, Track
from companion.tokenizer import EncoderConfig, TokenType, Vocabulary

VOCABULARY = Vocabulary(EncoderConfig.load("yellow"))
FIRST, SIZE = VOCABULARY.domains[TokenType.NOTE_ONSET]


def score(*bars: list[list[int]], is_drum: bool = False) -> Score:
    """Bars of quarters; each quarter a list of pitches. One empty bar to be written follows."""
    rows = [Bar(tuple(Note(480 * beat, 400, p, 80) for beat, ps in enumerate(bar) for p in ps)) for bar in bars]
    return Score((Track((*rows, Bar()), is_drum=is_drum),))


STUCK = [[36], [36], [36], [36]]


def test_a_note_stayed_on_is_pushed_down_alone() -> None:
    bias = variety_bias(score(STUCK, STUCK), (0, 2), VOCABULARY, 1.0)
    assert bias is not None
    assert bias[FIRST + 36] == pytest.approx(-2 * np.log(2))
    assert np.count_nonzero(bias) == 1


def test_a_chord_that_never_changes_is_one_habit_for_each_of_its_notes() -> None:
    bar = [[48, 52, 55]] * 3 + [[48, 52, 57]]
    bias = variety_bias(score(bar, bar), (0, 2), VOCABULARY, 0.5)
    assert bias is not None
    assert bias[FIRST + 48] == pytest.approx(-np.log(2))
    assert bias[FIRST + 55] == pytest.approx(-np.log(1.5))
    assert bias[FIRST + 57] == 0


@pytest.mark.parametrize(
    ("music", "strength"),
    [
        (score(STUCK, STUCK), 0.0),
        (score(STUCK), 1.0),  # four onsets are no habit
        (score([[36], [38], [40], [41]], [[36], [36], [43], [41]]), 1.0),
        (score(STUCK, STUCK, is_drum=True), 1.0),
    ],
)
def test_no_habit_to_leave(music: Score, strength: float) -> None:
    assert variety_bias(music, (0, music.bar_count - 1), VOCABULARY, strength) is None
