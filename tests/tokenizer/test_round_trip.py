"""Encode → decode → encode is the identity, on and off the grid, with all that a window can hold."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from companion.music import Bar, Note, Score, TimeSignature, Track
from companion.tokenizer import Tokenizer
from tests import golden
from tests.tokenizer.strategies import METERS, scores

OURS = {name: Tokenizer(golden.config(name)) for name in golden.FAMILY}


def cells(score):
    return [(track, bar) for track in range(len(score.tracks)) for bar in range(score.bar_count)]


@given(scores(), st.sampled_from(golden.FAMILY))
@settings(max_examples=150, deadline=None)
def test_what_is_encoded_comes_back_the_same(score, name):
    tokenizer = OURS[name]
    first = tokenizer.encode(score)
    decoded = tokenizer.decode(first.ids)
    again = tokenizer.encode(decoded, attributes=first.attributes, bar_attributes=first.bar_attributes)
    assert again.ids == first.ids
    count = sum(len(bar.notes) for track in score.tracks for bar in track.bars)
    assert sum(len(bar.notes) for track in decoded.tracks for bar in track.bars) == count
    assert tokenizer.decode(again.ids) == decoded


@given(scores(), st.sampled_from(golden.FAMILY), st.data())
@settings(max_examples=80, deadline=None)
def test_fills_come_back_in_their_bars(score, name, data):
    tokenizer = OURS[name]
    targets = data.draw(st.sets(st.sampled_from(cells(score)), min_size=1))
    whole = tokenizer.encode(score)
    infilled = tokenizer.encode(score, targets=targets, attributes=whole.attributes, fills=True)
    decoded = tokenizer.decode(infilled.ids)
    assert decoded == tokenizer.decode(whole.ids)
    options = {"attributes": whole.attributes, "bar_attributes": infilled.bar_attributes}
    assert tokenizer.encode(decoded, targets=targets, fills=True, **options).ids == infilled.ids


# Two notes at the window's end: the second one moves back by more than half a cell, to before the first one.
FIVE_FOUR = TimeSignature(5, 4)
LAST_BAR = Bar((Note(0, 1, 60), Note(2364, 1, 60), Note(2380, 1, 60)), FIVE_FOUR)
CLOSE_TO_THE_END = Score((Track((Bar((), FIVE_FOUR),) * 3 + (LAST_BAR,)),), resolution=480)


@given(scores(resolution=480))
@example(CLOSE_TO_THE_END)
@settings(max_examples=60, deadline=None)
def test_onsets_move_by_half_a_cell_at_most(score):
    """In quarter notes from the window's start: half of 1/12 for yellow, half of 1/144 (and what the last delta level
    cannot say) for expressive. A note before the window's end may have to stay inside it."""
    for name, limit in (("yellow", 1 / 24), ("expressive", 1.01 / 144)):
        before, after = starts(score), starts(OURS[name].decode(OURS[name].encode(score).ids))
        end = sum(float(bar.time_signature.beats) for bar in score.tracks[0].bars)
        for mine, theirs in zip(before, after, strict=True):
            assert len(theirs) == len(mine)
            assert each_has_its_own([onset for onset in mine if onset < end - 1 / 20], theirs, limit + 1e-9)


def each_has_its_own(wanted, found, limit):
    """Whether each of the sorted onsets has one of its own among those found that is at most `limit` away."""
    left = list(found)
    for onset in wanted:
        near = [other for other in left if abs(other - onset) <= limit]
        if not near:
            return False
        # The first one leaves the most for those that come later.
        left.remove(min(near))
    return True


def starts(score):
    """Every track's onsets in quarter notes from the window's start, in order."""
    found = []
    for track in score.tracks:
        onsets, line = [], 0.0
        for bar in track.bars:
            onsets += [line + (n.onset_ticks + n.delta / score.resolution) / score.resolution for n in bar.notes]
            line += float(bar.time_signature.beats)
        found.append(sorted(onsets))
    return found


@pytest.mark.parametrize("name", [*golden.SHIPPED, "expressive_new"])
def test_the_golden_corpus_comes_back_the_same(name):
    tokenizer = OURS[name]
    count = 0
    for records in golden.load(f"tokens_{name}").values():
        for record in (r for r in records if "ids" in r):
            score = golden.score_of(record["decoded"])
            first = tokenizer.encode(score)
            options = {"attributes": first.attributes, "bar_attributes": first.bar_attributes}
            assert tokenizer.encode(tokenizer.decode(first.ids), **options).ids == first.ids
            count += 1
    assert count >= 70


@given(scores())
@settings(max_examples=40, deadline=None)
def test_encoding_does_not_depend_on_what_was_encoded_before(score):
    warm, cold = OURS["expressive"], Tokenizer(golden.config("expressive"))
    assert warm.encode(score).ids == cold.encode(score).ids


@given(scores(meters=METERS[13:14]), st.integers(0, 3))
@settings(max_examples=40, deadline=None)
def test_autoregressive_prompts_are_prefixes_of_whole_sequences(score, first_bar):
    """With the track last, as the model learned it."""
    tokenizer = OURS["ghost"]
    whole = tokenizer.encode(score)
    last = len(score.tracks) - 1
    prompt = tokenizer.encode_autoregressive(score, last, first_bar, attributes=whole.attributes)
    assert prompt.ids == whole.ids[: len(prompt.ids)]
