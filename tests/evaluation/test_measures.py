"""Measures on bars written by hand, so that every number can be checked by eye."""

from __future__ import annotations

import pytest

from companion.evaluation.measures import bars as measures
from companion.evaluation.measures.ngram import NGram
from companion.music import Bar, Note, TimeSignature


def bar(*onsets_beats: float, pitch: int = 60) -> Bar:
    return Bar(tuple(Note(round(480 * onset), 240, pitch) for onset in onsets_beats))


def test_onset_f1_counts_positions_once() -> None:
    assert measures.onset_f1(bar(0, 1, 2), bar(0, 1, 3), 480) == pytest.approx(2 / 3)
    assert measures.onset_f1(bar(), bar(), 480) == 1
    assert measures.onset_f1(bar(), bar(1), 480) == 0


def test_onsets_within_a_twenty_fourth_beat_are_the_same() -> None:
    assert measures.onset_f1(bar(0.03), bar(0), 480) == 1
    assert measures.onset_f1(bar(0.06), bar(0), 480) == 0


def test_pitch_class_overlap_ignores_octaves() -> None:
    assert measures.pitch_class_overlap(bar(0, pitch=72), [bar(0, pitch=48)]) == 1
    assert measures.pitch_class_overlap(bar(0, pitch=61), [bar(0, pitch=48)]) == 0
    assert measures.pitch_class_overlap(bar(), [bar(0)]) is None
    assert measures.pitch_class_overlap(bar(0), []) is None


def test_groove_is_in_sixteenths_of_the_bar_s_own_meter() -> None:
    waltz = Bar((Note(0, 1, 60), Note(480, 1, 60)), TimeSignature(3, 4))
    assert measures.groove(waltz, 480).tolist() == [True, False, False, False, True, *[False] * 7]
    assert measures.groove_similarity(bar(0), [bar(0), bar(0, 1)], 480) == pytest.approx((1 + 15 / 16) / 2)
    assert measures.groove_similarity(waltz, [bar(0)], 480) is None


def test_density_match_is_symmetric() -> None:
    assert measures.density_match(bar(0), bar(0, 1)) == measures.density_match(bar(0, 1), bar(0)) == 0.5


def test_a_transposed_copy_has_the_same_steps() -> None:
    low = [Bar((Note(0, 1, 60), Note(480, 1, 64))), bar(0, pitch=67)]
    high = [Bar((Note(0, 1, 65), Note(480, 1, 69))), bar(0, pitch=72)]
    assert measures.note_steps(low, 480) == measures.note_steps(high, 480) == [(12, 4), (36, 3)]


def test_ngram_probabilities_sum_to_one_and_learn() -> None:
    model = NGram(vocab_size=5, order=3)
    model.fit([[0, 1, 2, 0, 1, 2, 0, 1, 2]])
    for context in ([], [0], [0, 1], [4, 4]):
        assert sum(model.probability(context, token) for token in range(5)) == pytest.approx(1)
    assert model.probability([0, 1], 2) > 0.7 > 0.1 > model.probability([0, 1], 3)


def test_higher_orders_need_fewer_bits_on_patterned_music() -> None:
    text = [0, 1, 2, 0, 3, 2] * 20
    unigram, trigram = NGram(4, 1), NGram(4, 3)
    unigram.fit([text])
    trigram.fit([text])
    assert sum(trigram.bits(text)) < 0.5 * sum(unigram.bits(text))
