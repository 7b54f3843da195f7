"""Grids: nearest ticks, notes that move to the next bar, and the exact time that a delta keeps."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from companion.music import Bar, Note, Score, TimeSignature, Track
from companion.music.quantize import GridRounding, grid_bar, grid_track, regrid

FOUR = TimeSignature(4, 4)


def test_onset_and_end_go_to_the_nearest_tick():
    inside, carried = grid_bar(Bar((Note(59, 402, 60, 80),), FOUR), 480, 12, keep_deltas=False)
    assert inside == [(1, 11, 60, 80, 0)]  # 59/40 = 1.475, 461/40 = 11.525
    assert carried == []


def test_floor_is_midigpts_way():
    bar = Bar((Note(79, 400, 60, 80),), FOUR)
    down = grid_bar(bar, 480, 12, keep_deltas=True, rounding=GridRounding.FLOOR)[0]
    assert down == [(1, 10, 60, 80, 12)]
    assert grid_bar(bar, 480, 12, keep_deltas=True)[0] == [(2, 10, 60, 80, 0)]


def test_a_note_past_short_bars_finds_the_right_one():
    """Bars of 1/16 are three ticks long."""
    short = TimeSignature(1, 16)
    rows = grid_track([Bar((Note(7, 1, 60),), short), *[Bar((), short)] * 3], 12, 12, keep_deltas=False)
    assert [[note[0] for note in row] for row in rows] == [[], [], [1], []]


def test_nothing_is_lost_past_the_last_bar():
    rows = grid_track([Bar((Note(1919, 10, 60), Note(5000, 10, 61)), FOUR)], 480, 12, keep_deltas=False)
    assert [(note[0], note[2]) for note in rows[0]] == [(47, 60), (47, 61)]


def test_a_score_on_the_grid_is_left_alone():
    score = Score((Track((Bar((Note(3, 4, 60, 80, 2),)),)),), 12)
    assert regrid(score, 12) is score


@given(st.integers(0, 1919), st.integers(1, 5000), st.integers(-240, 240), st.sampled_from([12, 96, 480, 1920]))
def test_a_delta_keeps_the_onset_to_half_its_unit(onset, duration, delta, target):
    score = Score((Track((Bar((Note(onset, duration, 60, 80, delta),)), Bar())),), 480)
    exact = (onset + delta / 480) / 480
    ((number, note),) = [(i, n) for i, bar in enumerate(regrid(score, target).tracks[0].bars) for n in bar.notes]
    found = 4 * number + (note.onset_ticks + note.delta / target) / target
    unit = 1 / target / target if target != 480 else 1 / 480 / 480
    assert abs(found - exact) <= unit / 2 + 1e-9
    assert note.duration_ticks >= 1


def test_what_lies_before_the_bar_line_stays_in_the_delta():
    score = Score((Track((Bar((Note(0, 12, 60, 80, -3),)),)),), 12)
    fine = regrid(score, 1920)
    assert fine.tracks[0].bars[0].notes == (Note(0, 1920, 60, 80, -40 * 1920),)
    assert regrid(fine, 12) == score
