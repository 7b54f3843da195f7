"""The push towards the harmony of the trusted tracks."""

from __future__ import annotations

import numpy as np
import pytest

from companion.inference.steering.harmony import pitch_bias
from companion.music import Bar, Note, Score, Track
from companion.tokenizer import EncoderConfig, TokenType, Vocabulary

VOCABULARY = Vocabulary(EncoderConfig.load("yellow"))
CHORD = Bar(tuple(Note(0, 480, pitch) for pitch in (48, 64, 67)))
SCORE = Score((Track((CHORD, Bar())), Track((Bar(), Bar())), Track((CHORD, Bar()), is_drum=True)))


def test_pitches_heard_are_left_alone_and_others_pushed_down_in_every_octave() -> None:
    bias = pitch_bias(SCORE, (1, 1), [0, 2], VOCABULARY, 1.0)
    assert bias is not None
    first, size = VOCABULARY.domains[TokenType.NOTE_ONSET]
    pitches = bias[first : first + size]
    assert np.allclose(pitches[[36, 40, 43, 60, 64, 67]], 0)
    assert np.allclose(pitches[[37, 61]], np.log(0.1 / 1.1))
    assert not bias[:first].any()
    assert not bias[first + size :].any()


@pytest.mark.parametrize(
    ("target", "trusted", "strength"), [((1, 1), [0], 0.0), ((2, 1), [0], 1.0), ((1, 1), [2], 1.0)]
)
def test_nothing_to_lean_on(target: tuple[int, int], trusted: list[int], strength: float) -> None:
    assert pitch_bias(SCORE, target, trusted, VOCABULARY, strength) is None


def test_the_bar_itself_counts_most() -> None:
    other = Bar(tuple(Note(0, 480, pitch) for pitch in (50, 54, 57)))
    score = SCORE.with_track(0, Track((CHORD, other)))
    bias = pitch_bias(score, (1, 1), [0], VOCABULARY, 1.0)
    assert bias is not None
    first = VOCABULARY.first_id(TokenType.NOTE_ONSET)
    assert bias[first + 62] == 0 > bias[first + 60] > bias[first + 61]
