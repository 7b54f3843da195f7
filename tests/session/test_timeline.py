from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from companion.music import TimeSignature
from companion.session.timing.timeline import Timeline
from tests.session.session_stage import ALL_METERS


@given(st.lists(st.sampled_from(ALL_METERS), min_size=1, max_size=12), st.integers(0, 30), st.floats(0, 0.999))
def test_position_and_place_are_inverse(meters, bar, share):
    timeline = Timeline(lambda song_bar: meters[song_bar % len(meters)], lambda song_bar: song_bar + 1)
    beat = share * float(timeline.meter(bar).beats)
    place = timeline.locate(timeline.start(bar) + beat)
    assert timeline.start(place.bar) + place.beat == pytest.approx(timeline.start(bar) + beat)
    assert place.bar == bar or beat == pytest.approx(float(timeline.meter(bar).beats))


def test_all_meters_have_exact_bar_lines():
    assert len(set(ALL_METERS)) == 36
    for meter in ALL_METERS:
        timeline = Timeline(lambda song_bar, meter=meter: meter, lambda song_bar: song_bar + 1)
        assert timeline.start(1000) == 1000 * meter.beats


def test_a_loop_repeats_song_bars_while_session_bars_count_up():
    timeline = Timeline(lambda song_bar: TimeSignature(4, 4), lambda song_bar: 4 if song_bar == 7 else song_bar + 1)
    assert [timeline.song_bar(bar) for bar in range(10)] == [0, 1, 2, 3, 4, 5, 6, 7, 4, 5]


def test_a_jump_begins_a_new_bar():
    timeline = Timeline(lambda song_bar: TimeSignature(3, 4), lambda song_bar: song_bar + 1)
    assert timeline.jump(4, 20) == 5
    assert (timeline.start(5), timeline.song_bar(5), timeline.song_bar(6)) == (15, 20, 21)
    assert timeline.segment_bar == 5


def test_a_new_meter_holds_from_the_next_bar():
    meter = TimeSignature(4, 4)
    timeline = Timeline(lambda song_bar: meter, lambda song_bar: song_bar + 1)
    timeline.ensure(8)
    meter = TimeSignature(6, 8)
    timeline.relay(2)
    assert [timeline.start(bar) for bar in (3, 4, 5)] == [12, 15, 18]
