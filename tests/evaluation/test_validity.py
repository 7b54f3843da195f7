"""The chance of a valid generation, computed, is the share that one would have counted."""

from __future__ import annotations

import numpy as np

from companion.evaluation.measures.validity import _nucleus, validity
from companion.evaluation.progress import Silent
from companion.evaluation.windows import LiveWindow
from companion.music import Bar, Note, Score, Track
from companion.tokenizer import EncoderConfig, Tokenizer, TokenType


class Scripted:
    """A model of two choices: it ends the fill with this probability, and else says BarEnd, which is never legal in a fill."""

    name, n_positions = "scripted", 500

    def __init__(self, tokenizer: Tokenizer, ends: float) -> None:
        vocabulary = tokenizer.vocabulary
        self.vocab_size = vocabulary.size
        self._logits = np.full((1, self.vocab_size), -np.inf, dtype=np.float32)
        self._logits[0, vocabulary.id(TokenType.FILL_IN_END)] = np.log(ends)
        self._logits[0, vocabulary.id(TokenType.BAR_END)] = np.log(1 - ends)
        self.calls = 0

    def new_cache(self, batch: int = 1):
        return None

    def forward(self, cache, ids, positions):
        self.calls += 1
        return self._logits


def window() -> LiveWindow:
    bars = tuple(Bar((Note(0, 480, 60),)) for _ in range(4))
    return LiveWindow("set", Score((Track(bars), Track(bars, 33), Track(bars, 40))), ((1, 3), (2, 3)), ((0, 3),))


def test_the_chance_of_legal_tokens_is_the_chance_of_a_valid_run():
    tokenizer = Tokenizer(EncoderConfig.load("ghost"))
    model = Scripted(tokenizer, 0.6)
    found = validity(model, tokenizer, [window(), window()], ("token", "attention", "attention_skip"), 1, Silent())
    assert all(abs(row["valid"] - 0.6) < 1e-6 for row in found.values())
    assert all(row["above_attention"] == 0 == row["error"] for row in found.values())
    assert model.calls == 4  # attention and attention_skip feed the same; two windows, two seeds


def test_a_model_that_never_ends_well_is_not_valid():
    tokenizer = Tokenizer(EncoderConfig.load("ghost"))
    found = validity(Scripted(tokenizer, 1e-9), tokenizer, [window()], ("attention",), 1, Silent())
    assert found["attention"]["valid"] == 0


def test_the_nucleus_is_the_smallest_set_that_holds_the_mass():
    kept, chances = _nucleus(np.array([0.02, 0.5, 0.03, 0.45]))
    assert kept.tolist() == [1, 3]
    assert chances.sum() == 1
