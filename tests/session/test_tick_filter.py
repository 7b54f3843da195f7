from __future__ import annotations

import random

import pytest

from companion.bench.clock_sim import arrivals, beats_until_within, grid_errors, jump, predict, steady, true_ticks
from companion.session.tick_filter import TickFilter


@pytest.mark.parametrize("bpm", [10, 60, 120, 200])
def test_one_beat_ahead_within_two_milliseconds(bpm):
    for seed in range(3):
        assert predict(steady(bpm), 60, 0.002, seed).quantile(0.99, 24 * 8) < 0.002


def test_a_new_tempo_is_followed_within_a_beat():
    waits = [beats_until_within(jump(120, 130, 16), 16, 0.01, 0.002, seed) for seed in range(20)]
    assert max(waits) <= 1.0


@pytest.mark.parametrize(("before", "after"), [(120, 60), (60, 120), (100, 240), (400, 10)])
def test_large_jumps_lose_no_tick(before, after):
    times = true_ticks(jump(before, after, 8), 16)
    follower = TickFilter(60 / (24 * before))
    for time in times:
        follower.add(time)
    assert (follower.index, follower.missed) == (len(times) - 1, 0)
    assert follower.seconds_at(follower.index + 24) == pytest.approx(times[-1] + 60 / after, abs=0.005)


def test_missing_ticks_are_counted_in():
    times = true_ticks(steady(120), 20)
    lost = {100, 200, 201, 300}
    follower = TickFilter(1 / 48)
    for index, time in enumerate(arrivals(times, 0.001, random.Random(1))):
        if index not in lost:
            follower.add(time)
    assert (follower.index, follower.missed) == (len(times) - 1, len(lost))


def test_far_from_zero_nothing_is_lost_to_rounding():
    follower = TickFilter(1 / 48)
    for tick in range(5000):
        follower.add(4e6 + tick / 48)
    assert follower.seconds_at(follower.index) == pytest.approx(4e6 + 4999 / 48, abs=1e-5)


def test_the_session_keeps_the_grid_of_a_jittering_clock():
    errors = sorted(abs(error) for error in grid_errors(jump(120, 126, 40), 100, 0.002, 3)[1:])
    assert len(errors) > 90
    assert errors[int(0.99 * len(errors))] < 0.003


def test_ticks_that_were_held_up_are_not_taken_for_missing_ones():
    """A busy machine reads three ticks at once, the last of them nearly in time: nothing was lost."""
    period = 1 / 48
    filter_ = TickFilter(period)
    for index in range(40):
        filter_.add(index * period)
    stall = 43 * period + 0.004
    for index in (40, 41, 42, 43):
        filter_.add(stall + index * 1e-4)
    for index in range(44, 60):
        filter_.add(index * period)
    assert filter_.missed == 0
    assert filter_.index == 59
    assert abs(filter_.seconds_at(60) - 60 * period) < 0.002
