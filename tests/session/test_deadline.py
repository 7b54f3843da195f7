from __future__ import annotations

import pytest

from companion.session.requests.sizing.lead_time import Deadlines, Size


def measured(seconds: float, dim: int = 8, lanes: int = 3) -> Deadlines:
    deadlines = Deadlines(1.25, 0.05)
    for _ in range(12):
        deadlines.record(dim, lanes, seconds)
    return deadlines


def test_the_lead_is_the_measured_p99_with_a_margin():
    deadlines = measured(0.4)
    deadlines.record(8, 3, 0.8)
    assert deadlines.lead(Size(8, 3)) == pytest.approx(1.0)


def test_a_lone_hiccup_is_not_the_measure():
    deadlines = measured(0.4)
    for seconds in (0.41, 0.42, 3.0):
        deadlines.record(8, 3, seconds)
    assert deadlines.estimate(8, 3) == pytest.approx(0.42)


def test_a_machine_that_stopped_for_a_moment_does_not_cost_the_bars_after_it():
    deadlines = Deadlines(margin=1.25, floor_seconds=0.05)
    size = Size(8, 3)
    for seconds in [0.1] * 25 + [2.5, 1.9]:
        deadlines.record(8, 3, seconds)
    assert deadlines.lead(size) > 2, "no bar is known yet that it would be too long for"
    assert deadlines.choose([8, 4], 3, 1.2, size) == size
    assert deadlines.lead(size) == pytest.approx(0.125)
    for _ in range(4):
        deadlines.record(8, 3, 1.0)
    assert deadlines.choose([8], 3, 1.2, size).lanes < 3, "too many to be chance"
    assert deadlines.choose([8], 3, 2.0, size) == size
    assert deadlines.lead(size) == pytest.approx(1.25), "at a slower tempo the middling ones can be allowed for"


@pytest.mark.parametrize(("samples", "factor"), [(4, 4 / 3), (8, 7 / 6), (12, 1.0), (20, 1.0)])
def test_few_samples_say_little_about_the_slowest_to_come(samples: int, factor: float):
    deadlines = Deadlines(1.25, 0.05)
    for _ in range(samples):
        deadlines.record(8, 3, 0.3)
    assert deadlines.estimate(8, 3) == pytest.approx(0.3 * factor)


def test_the_lead_has_a_floor():
    assert measured(0.001).lead(Size(8, 3)) == 0.05


def test_before_anything_is_measured_the_engine_s_own_time_counts():
    deadlines = Deadlines(1.0, 0.05)
    deadlines.engine_ready(((4, 0.1), (8, 0.2)))
    assert deadlines.estimate(8, 1) == pytest.approx(0.4), "the music may be denser than what it was taken from"
    assert deadlines.estimate(8, 3) > 0.2


def test_all_that_fits_is_taken():
    assert measured(0.4).choose([8, 4], 3, 2.0, None) == Size(8, 3)


def test_too_slow_a_window_is_cut_first_and_says_so():
    size = measured(1.6).choose([8, 4], 3, 2.0, None)
    assert (size.model_dim, size.lanes) == (4, 3)
    assert "8 to 4" in size.advice


def test_then_tracks_take_turns():
    size = measured(1.9, 4, 3).choose([4], 3, 2.0, None)
    assert size.lanes == 2
    assert "2 of 3 tracks" in size.advice


def test_hopeless_is_said():
    size = measured(9.0, 4, 1).choose([4], 1, 2.0, None)
    assert (size.model_dim, size.lanes) == (4, 1)
    assert "slower tempo" in size.advice


def test_it_grows_back_only_with_room_to_spare():
    deadlines = measured(1.36)  # with the margin 0.85 of a bar of 2 s
    small = Size(4, 3)
    assert deadlines.choose([8, 4], 3, 2.0, small).model_dim == 4
    assert deadlines.choose([8, 4], 3, 2.0, Size(8, 3)).model_dim == 8
    assert deadlines.choose([8, 4], 3, 3.0, small).model_dim == 8
