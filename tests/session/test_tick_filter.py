from __future__ import annotations

import math
import random

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from companion.bench.live.clock_sim import arrivals, beats_until_within, grid_errors, jump, predict, steady, true_ticks
from companion.session.timing.tick_filter import TickFilter


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


BPM = st.integers(40, 300)
SEEDS = st.integers(0, 10**6)


def counted(times: list[float], bpm: float) -> TickFilter:
    follower = TickFilter(60 / (24 * bpm))
    for time in times:
        follower.add(time)
    return follower


def held_up(times: list[float], longest: float, rng: random.Random) -> list[float]:
    """Now and then the reader sleeps; what came meanwhile is then read at once."""
    awake, read = 0.0, []
    for time in times:
        if rng.random() < 0.03:
            awake = max(awake, time + rng.uniform(0, longest))
        read.append(max([time + rng.uniform(0, 0.0003), awake, *read[-1:]]))
    return read


@given(BPM, st.floats(0.001, 0.03), SEEDS)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_a_reader_that_sleeps_loses_no_tick_and_invents_none(bpm, longest, seed):
    times = true_ticks(steady(bpm), 20)
    follower = counted(held_up(times, longest, random.Random(seed)), bpm)
    assert (follower.index, follower.missed) == (len(times) - 1, 0)


@given(BPM, st.floats(0.001, 0.03), st.floats(0, 1))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_ticks_delivered_in_frames_are_neither_lost_nor_invented(bpm, frame, phase):
    """USB and coarse timers deliver on a grid of their own. Frames of just under a tick are told later: the next test."""
    ticks_a_frame = frame * bpm * 24 / 60
    assume(ticks_a_frame < 0.94 or 1.1 < ticks_a_frame < 1.8)
    times = true_ticks(steady(bpm), 20)
    delivered = [math.ceil(time / frame - phase) * frame + phase * frame for time in times]
    follower = counted(delivered, bpm)
    assert (follower.index, follower.missed) == (len(times) - 1, 0)


@pytest.mark.parametrize(
    ("frames", "rate", "bpm"),
    [(1024, 48000, bpm) for bpm in (111, 113, 114, 115, 116)]
    + [(1024, 44100, 105), (512, 48000, 228), (2048, 48000, 57)],
)
def test_ticks_sent_once_an_audio_buffer_are_soon_seen_to_be_all_there(frames, rate, bpm):
    """Buffers a little shorter than a tick look like a faster clock that loses ticks, but for how regularly it does."""
    frame, times = frames / rate, true_ticks(steady(bpm), 240)
    follower = TickFilter(60 / (24 * bpm))
    off = []
    for index, time in enumerate(times):
        follower.add(math.ceil(time / frame) * frame)
        off.append(follower.index - index)
    assert max(off) <= 8
    assert set(off[len(off) // 4 :]) == {0}
    assert follower.missed == 0


@pytest.mark.parametrize("before", [48, 90, 130, 170])
def test_what_was_counted_in_before_a_start_is_not_taken_back_after_it(before):
    """Frames look like losses on both sides of a Start; only those behind it count from there."""
    frame, times = 1024 / 48000, true_ticks(steady(114), 40)
    follower = TickFilter(60 / (24 * 114))
    begun = 0
    for index, time in enumerate(times):
        arrival = math.ceil(time / frame) * frame
        if index == before:
            follower.begin(arrival)
            begun = follower.index
        else:
            follower.add(arrival)
    assert follower.index - begun == len(times) - 1 - before


@given(st.integers(50, 220), st.floats(0.75, 1.3), st.floats(0, 0.002), SEEDS)
@settings(max_examples=100, deadline=None, derandomize=True)
def test_a_new_tempo_invents_no_tick(bpm, ratio, jitter, seed):
    times = true_ticks(jump(bpm, bpm * ratio, 8), 32)
    follower = counted(list(arrivals(times, jitter, random.Random(seed))), bpm)
    follower.settle()
    assert (follower.index, follower.missed) == (len(times) - 1, 0)


@given(st.integers(40, 240), st.floats(0, 0.002), SEEDS)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_single_lost_ticks_are_counted_in(bpm, jitter, seed):
    rng = random.Random(seed)
    times = true_ticks(steady(bpm), 24)
    lost = {tick + rng.randrange(24) for tick in range(48, len(times) - 72, 48)}
    heard = [time for index, time in enumerate(arrivals(times, jitter / 2, rng)) if index not in lost]
    follower = counted(heard, bpm)
    assert (follower.index, follower.missed) == (len(times) - 1, len(lost))


@given(BPM, st.floats(0.05, 2.0), SEEDS)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_after_a_drop_out_the_count_is_right(bpm, silence, seed):
    rng = random.Random(seed)
    times = list(arrivals(true_ticks(steady(bpm), 24), 0.0005, rng))
    begin = rng.randrange(100, 200)
    heard = [time for index, time in enumerate(times) if index < begin or time > times[begin] + silence]
    follower = counted(heard, bpm)
    behind = follower.index - (len(times) - 1)
    assert behind == 0 or len(heard) - begin < 24  # no time left to judge


@given(BPM, st.integers(0, 4), st.floats(0.15, 0.85), st.floats(0, 0.0007), SEEDS)
@settings(max_examples=100, deadline=None, derandomize=True)
def test_a_master_that_stands_still_for_a_moment_has_lost_no_tick(bpm, whole, part, jitter, seed):
    """Its audio broke off: its position stood still, and all later ticks are late by what is no whole number of ticks."""
    period = 60 / (24 * bpm)
    stall = (whole + part) * period
    assume(stall + period < 0.24)  # a longer silence counts as time that has passed
    times = true_ticks(steady(bpm), 24)
    begin = 150 + seed % 48
    stalled = [time if index < begin else time + stall for index, time in enumerate(times)]
    follower = counted(list(arrivals(stalled, jitter, random.Random(seed))), bpm)
    assert (follower.index, follower.missed) == (len(times) - 1, 0)
    assert follower.seconds_at(follower.index + 24) == pytest.approx(stalled[-1] + 24 * period, abs=0.003)


def test_a_master_that_stands_still_twice_in_a_row_has_lost_no_tick():
    """Together the two stalls are three ticks long; the ticks between them tell."""
    period = 1 / 48
    times = [
        tick * period + (0.0 if tick < 200 else 2.46 * period if tick < 202 else 3.0 * period) for tick in range(400)
    ]
    follower = counted(times, 120)
    assert (follower.index, follower.missed) == (399, 0)


@pytest.mark.parametrize("late", [1, 2, 3])
@pytest.mark.parametrize("ticks", [8, 20, 60])
def test_ticks_taken_for_lost_that_catch_up_after_all_are_taken_back(late, ticks):
    """A connection holds every tick up by whole ticks for longer than anyone waits, then delivers at once what it held."""
    period = 1 / 48
    times = [tick * period for tick in range(400)]
    held = [time + late * period if 200 <= tick < 200 + ticks else time for tick, time in enumerate(times)]
    caught_up = [
        min(time, times[200 + ticks] - 0.001) if 200 <= tick < 200 + ticks else time for tick, time in enumerate(held)
    ]
    follower = TickFilter(period)
    worst = 0
    for arrival in sorted(caught_up):
        follower.add(arrival)
        worst = max(worst, follower.missed)
    assert worst == (late if ticks > 8 else worst)
    assert (follower.index, follower.missed) == (399, 0)
    assert follower.seconds_at(423) == pytest.approx(423 * period, abs=0.001)
