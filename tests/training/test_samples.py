from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from companion.tokenizer.token_types import TokenType
from companion.training.examples.samples import Example, SampleMaker
from companion.training.music.corpus import Corpus
from tests.training.support import maker


def draw(source: SampleMaker, kind: str, count: int = 40) -> list[Example]:
    return [source.draw(np.random.default_rng((5, number)), kind) for number in range(count)]


def types(source: SampleMaker, example: Example) -> list[TokenType]:
    return [source.tokenizer.vocabulary.type_of(int(token))[0] for token in example.ids]


def test_one_seed_repeats(corpus: Corpus) -> None:
    first, again = draw(maker(corpus), "live", 5), draw(maker(corpus), "live", 5)
    for one, two in zip(first, again, strict=True):
        assert np.array_equal(one.ids, two.ids)
        assert np.array_equal(one.positions, two.positions)
    assert not np.array_equal(first[0].ids, first[1].ids)


@pytest.mark.parametrize("kind", ["live", "infill"])
def test_every_placeholder_has_its_fill_and_only_fills_count_more(corpus: Corpus, kind: str) -> None:
    source = maker(corpus, infill_weight=2.5)
    for example in draw(source, kind):
        found = types(source, example)
        assert found.count(TokenType.FILL_IN_PLACEHOLDER) == found.count(TokenType.FILL_IN_END) > 0
        first = found.index(TokenType.FILL_IN_START)
        assert not example.filled[: first + 1].any()
        assert example.filled.sum() == len(found) - first - found.count(TokenType.FILL_IN_START)
        assert set(example.weights[example.filled]) == {2.5}
        assert set(example.weights[~example.filled]) <= {0.0, 1.0}


def test_live_targets_are_the_last_bars_and_rests_are_kept(corpus: Corpus) -> None:
    source = maker(corpus, hide_share=0.0)
    empty = 0
    for example in draw(source, "live"):
        found = types(source, example)
        bars = [0]
        for token in found[: found.index(TokenType.FILL_IN_START)]:
            if token is TokenType.TRACK:
                bars = []
            elif token is TokenType.BAR:
                bars.append(0)
            elif token is TokenType.FILL_IN_PLACEHOLDER:
                bars[-1] = 1
            elif token is TokenType.TRACK_END:
                assert sum(bars) in (0, 1, 2)
                assert bars[: len(bars) - sum(bars)] == [0] * (len(bars) - sum(bars))
        empty += (TokenType.FILL_IN_START, TokenType.FILL_IN_END) in pairwise(found)
    assert empty > 0


def test_hidden_bars_are_left_out_with_positions_kept(corpus: Corpus) -> None:
    source = maker(corpus, hide_share=1.0)
    gaps = 0
    for example in draw(source, "live"):
        steps = np.diff(example.positions)
        assert (steps >= 1).all()
        assert set((steps - 1) % 3) == {0}  # Bar TimeSig BarEnd of each hidden bar
        assert (example.weights[1:][steps > 1] == 0).all()
        gaps += int((steps > 1).sum())
        assert TokenType.MASK_BAR not in types(source, example)
    assert gaps > 20


def test_ghost_hides_bars_behind_its_token_and_sometimes_by_leaving_out(corpus: Corpus) -> None:
    source = maker(corpus, "ghost", hide_share=1.0)
    examples = draw(source, "live")
    masked = sum(TokenType.MASK_BAR in types(source, example) for example in examples)
    skipped = sum(bool((np.diff(example.positions) > 1).any()) for example in examples)
    assert masked > skipped > 0


def test_attributes_of_targets_describe_the_bars_to_be_written(corpus: Corpus) -> None:
    source = maker(corpus, target_attributes=1.0, empty_past=0.0, hide_share=0.0)
    vocabulary = source.tokenizer.vocabulary
    checked = 0
    for example in draw(source, "live", 80):
        found = types(source, example)
        fills = [number for number, kind in enumerate(found) if kind is TokenType.FILL_IN_START]
        drum = vocabulary.id(TokenType.TRACK, 1)
        if found.count(TokenType.FILL_IN_PLACEHOLDER) == 1 and TokenType.NOTE_DENSITY in found:
            track = max(
                number
                for number in range(found.index(TokenType.FILL_IN_PLACEHOLDER))
                if found[number] is TokenType.TRACK
            )
            notes = found[fills[0] :].count(TokenType.NOTE_ONSET)
            if example.ids[track] == drum and notes and found[track + 2] is TokenType.NOTE_DENSITY:
                assert vocabulary.type_of(int(example.ids[track + 2]))[1] == 3  # 8 hits a bar
                assert notes == 8
                checked += 1
    assert checked > 0


def test_expressive_writes_deltas_both_ways(corpus: Corpus) -> None:
    source = maker(corpus, "expressive")
    found = {kind for example in draw(source, "plain") for kind in types(source, example)}
    assert TokenType.DELTA in found  # the bass is 13/480 late: +4/144
