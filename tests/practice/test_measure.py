"""The measure itself, on parts whose overlap is known."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from companion.charts.comping import bass_line, comping_track
from companion.charts.reader import parse_chart
from companion.music import Bar, Note, Score, Track
from companion.practice import measure
from companion.practice.measure import chance, chord_overlap
from companion.session.api.settings import TrackSettings

CHART = parse_chart("Feel: straight\n| C | F G7 | N.C. |")


def part(*bars):
    return Track(tuple(Bar(tuple(notes)) for notes in bars))


def test_notes_count_by_the_chord_that_sounds_at_their_onset():
    track = part([Note(0, 480, 60), Note(480, 480, 61)], [Note(0, 960, 65), Note(960, 960, 65)], [Note(0, 480, 61)])
    overlap = chord_overlap(CHART, [track], "x")
    assert overlap.notes == 4, "under N.C. there is nothing to be in"
    assert overlap.share == pytest.approx(3 / 4)
    assert overlap.by_length == pytest.approx(2400 / 2880)
    assert overlap.bars == 1


def test_comping_is_in_the_chord_and_so_is_a_straight_bass():
    assert chord_overlap(CHART, [comping_track(CHART)], "x").share == 1
    assert chord_overlap(CHART, [bass_line(CHART)], "x").share == 1


def test_no_notes_is_no_share():
    overlap = chord_overlap(CHART, [part([], [], [])], "x")
    assert (overlap.share, overlap.bars) == (None, 0)


def test_chance_is_the_share_of_pitch_classes():
    assert chance(parse_chart("| C | G7 |")) == pytest.approx((3 / 12 + 4 / 12) / 2)


def test_strong_beats_and_roots_are_counted_by_themselves():
    track = part(
        [Note(0, 960, 48), Note(960, 480, 49), Note(1440, 480, 50)], [Note(0, 960, 41), Note(1100, 800, 43)], []
    )
    overlap = chord_overlap(CHART, [track], "x")
    assert overlap.on_strong_beats == pytest.approx(2 / 3), "C and F begin on strong beats, and so does the C sharp"
    assert overlap.root_on_changes == pytest.approx(2 / 3), "the G comes more than a sixteenth late"


def test_a_root_that_is_held_over_a_change_counts_and_a_rest_does_not():
    held = parse_chart("| C F/C | G |")
    assert chord_overlap(held, [part([Note(0, 1920, 48)], [])], "x").root_on_changes == pytest.approx(2 / 3)


def test_the_range_of_the_takes_is_named(monkeypatch):
    comping = comping_track(CHART)
    wrong = replace(
        comping,
        bars=tuple(replace(bar, notes=tuple(replace(n, pitch=61) for n in bar.notes)) for bar in comping.bars),
    )
    parts = (TrackSettings("comping", "companion", program=0),)
    takes = {1: comping, 2: wrong}
    monkeypatch.setattr(measure, "fill_chart", lambda engine, chart, parts, seed, **rest: Score((comping, takes[seed])))
    engine = SimpleNamespace(checkpoint=SimpleNamespace(chord_guide=True))
    found = measure.measure_chart(engine, CHART, parts, seeds=(1, 2))
    low, high = found["parts"][0]["range"]
    assert low < found["parts"][0]["share"] < high == 1
    assert "to 100% by take" in "\n".join(measure.measure_lines(found))
    alone = measure.measure_chart(engine, CHART, parts, seeds=(1,))
    assert "by take" not in "\n".join(measure.measure_lines(alone))
