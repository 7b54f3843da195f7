"""The best of several candidates, by a stated score."""

from __future__ import annotations

from dataclasses import replace

import pytest

from companion.harmony.spans import ChordSpan
from companion.harmony.symbols import parse_chord
from companion.inference.live import LiveInfill, LiveJob
from companion.inference.live.choice import score
from companion.music import Bar, Note

C_THEN_G = (ChordSpan(0, 2, parse_chord("C")), ChordSpan(2, 2, parse_chord("G")))
IN_CHORD = (Note(0, 480, 48), Note(960, 480, 50))


def weighed(notes, others=(), before=None, likelihood=-1.0, chords=C_THEN_G):
    return score(notes, likelihood, 480, chords, others, before)


def test_notes_count_by_the_chord_at_their_onset_and_their_length():
    outside = (Note(0, 480, 50), Note(960, 1440, 50))
    assert weighed(IN_CHORD).in_chord == 1
    assert weighed(outside).in_chord == pytest.approx(0.75)
    assert weighed(outside, chords=None).in_chord == 1
    assert weighed(IN_CHORD).total > weighed(outside).total


def test_a_semitone_that_sounds_together_clashes_and_one_that_follows_does_not():
    assert weighed(IN_CHORD, [Bar((Note(240, 480, 49),))]).clashing == 0.5
    assert weighed(IN_CHORD, [Bar((Note(240, 480, 61),))]).clashing == 0.5
    assert weighed(IN_CHORD, [Bar((Note(480, 480, 49),))]).clashing == 0
    assert weighed(IN_CHORD, [Bar((Note(240, 480, 52),))]).clashing == 0


def test_the_bar_before_again_costs():
    assert weighed(IN_CHORD, before=Bar(IN_CHORD)).again == 1
    assert weighed(IN_CHORD, before=Bar(IN_CHORD[:1])).again == 0.5
    assert weighed(IN_CHORD, before=Bar(IN_CHORD)).total < weighed(IN_CHORD, before=Bar()).total


def test_a_line_may_pass_through_other_notes():
    walking = (*IN_CHORD, Note(480, 60, 50))
    assert 0.85 < weighed(walking).in_chord < 1
    assert weighed(walking).total == weighed(IN_CHORD).total


def test_where_no_chord_is_known_the_others_pitch_classes_stand_for_it():
    heard = score(IN_CHORD, -1.0, 480, None, (), None, frozenset({0}))
    assert heard.in_chord == 0.5
    assert score(IN_CHORD, -1.0, 480, None, (), None).in_chord == 1


def test_what_the_model_finds_likelier_wins_where_all_else_is_equal():
    assert weighed(IN_CHORD, likelihood=-0.5).total > weighed(IN_CHORD, likelihood=-1.5).total


def test_a_rest_is_no_clash_and_no_repetition():
    rest = weighed((), [Bar(IN_CHORD)], Bar())
    assert (rest.in_chord, rest.clashing, rest.again) == (1, 0, 0)


@pytest.fixture
def job(band):
    future = frozenset({(0, 6), (0, 7), (1, 7), (3, 7)})
    return LiveJob(
        band, ((1, 6), (3, 6)), hidden=future, seed=3, density_hard_limit=8, takes=4, ranked=True, chords=C_THEN_G
    )


@pytest.fixture
def live(engine_of):
    return LiveInfill(engine_of("yellow"))


def test_each_parts_candidates_come_back_best_first_and_the_next_part_hears_the_best(live, job):
    heard = {}
    result = live.generate(job, lambda track, bar, note, take: heard.setdefault((take, track, bar), []).append(note))
    assert len(result.takes) == 4
    for number, take in enumerate(result.takes):
        for cell, notes in take.bars.items():
            assert tuple(heard.get((number, *cell), ())) == notes
    first = live.generate(replace(job, targets=((1, 6),), hidden=job.hidden | {(3, 6)}))
    assert [take.bars[1, 6] for take in result.takes] == [take.bars[1, 6] for take in first.takes]
    plain = live.generate(replace(job, targets=((1, 6),), hidden=job.hidden | {(3, 6)}, ranked=False))
    assert {take.bars[1, 6] for take in first.takes} == {take.bars[1, 6] for take in plain.takes}
    before = job.window.tracks[1].bars[5]
    others = [job.window.tracks[2].bars[6]] if not job.window.tracks[2].is_drum else []
    totals = [score(take.bars[1, 6], take.likelihood, 480, C_THEN_G, others, before).total for take in first.takes]
    assert totals == sorted(totals, reverse=True)
    assert len(set(totals)) > 1
