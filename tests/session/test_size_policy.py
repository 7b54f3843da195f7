"""The size policy: times in, a decision out."""

from __future__ import annotations

import pytest

from companion.session.requests.sizing.policy import (
    FIRST_WAIT_BARS,
    OUTCOMES_KEPT,
    Need,
    SizePolicy,
    expected_seconds,
)

LARGE, MINI = "yellow_20m", "yellow_mini"


def choose(policy: SizePolicy, large: float, mini: float = 0.1, bar: int = 0, bar_seconds: float = 2.0, parts: int = 2):
    return policy.choose([Need(LARGE, large), Need(MINI, mini)], bar, bar_seconds, parts)


def test_the_largest_size_that_fits_runs():
    assert choose(SizePolicy(), large=1.0).name == LARGE
    choice = choose(SizePolicy(), large=1.9)
    assert choice.name == MINI
    assert choice.why == "yellow_20m needs 1.9 of 2.0 s a bar"


def test_a_faster_tempo_changes_the_size_at_the_next_bar_and_a_slower_one_changes_it_back():
    policy = SizePolicy()
    assert choose(policy, large=1.0, bar=0).name == LARGE
    assert choose(policy, large=1.0, bar=1, bar_seconds=1.0).name == MINI
    assert choose(policy, large=1.0, bar=2, bar_seconds=2.0).name == LARGE


def test_a_larger_size_needs_more_room_to_take_over_than_to_go_on():
    policy = SizePolicy()
    assert choose(policy, large=1.7).name == LARGE  # 0.85 of a bar is enough to go on
    assert choose(policy, large=1.9).name == MINI
    assert choose(policy, large=1.7).name == MINI  # but not to take over again
    assert choose(policy, large=1.3).name == LARGE


def test_a_size_without_measured_times_must_leave_half_a_bar():
    def first(large: float) -> str:
        return SizePolicy().choose([Need(LARGE, large, measured=False), Need(MINI, 0.1)], 0, 2.0, 2).name

    assert first(0.9) == LARGE
    assert first(1.1) == MINI


def test_two_late_bars_hand_over_to_the_smaller_size_and_one_does_not():
    policy = SizePolicy()
    assert choose(policy, large=1.0).name == LARGE
    policy.wrote(LARGE, in_time=False)
    assert choose(policy, large=1.0, bar=1).name == LARGE
    policy.wrote(LARGE, in_time=False)
    choice = choose(policy, large=1.0, bar=2)
    assert choice.name == MINI
    assert choice.why == "yellow_20m was late"


def test_a_late_bar_is_forgotten_after_two_hundred_good_ones():
    policy = SizePolicy()
    policy.wrote(LARGE, in_time=False)
    for _ in range(OUTCOMES_KEPT):
        policy.wrote(LARGE, in_time=True)
    policy.wrote(LARGE, in_time=False)
    assert choose(policy, large=1.0).name == LARGE


def test_a_size_that_was_late_waits_twice_as_long_each_time():
    policy = SizePolicy()

    def bars_until_back(start: int) -> int:
        policy.wrote(LARGE, in_time=False)
        policy.wrote(LARGE, in_time=False)
        bar = start
        while choose(policy, large=0.5, bar=bar).name == MINI:
            bar += 1
        return bar - start

    assert bars_until_back(0) == FIRST_WAIT_BARS
    assert bars_until_back(1000) == 2 * FIRST_WAIT_BARS


@pytest.mark.parametrize(("bar_seconds", "parts"), [(2.4, 3), (2.0, 2)])
def test_a_slower_tempo_or_fewer_parts_end_the_wait(bar_seconds, parts):
    policy = SizePolicy()
    policy.wrote(LARGE, in_time=False)
    policy.wrote(LARGE, in_time=False)
    assert choose(policy, large=0.5, bar=0, parts=3).name == MINI
    assert choose(policy, large=0.5, bar=1, parts=3).name == MINI
    assert choose(policy, large=0.5, bar=2, bar_seconds=bar_seconds, parts=parts).name == LARGE


def test_the_smallest_size_plays_when_none_fits_and_the_player_is_told():
    choice = choose(SizePolicy(), large=3.0, mini=1.9, bar_seconds=1.2)
    assert choice.name == MINI
    assert choice.why == "yellow_20m needs 3.0 of 1.2 s a bar; yellow_mini is short of time, too"


def test_a_single_size_is_never_put_aside():
    policy = SizePolicy()
    policy.wrote(LARGE, in_time=False)
    policy.wrote(LARGE, in_time=False)
    assert policy.choose([Need(LARGE, 9.0)], 0, 1.0, 1).name == LARGE


def test_what_a_waiting_size_takes_follows_the_running_one():
    warm = {LARGE: 0.5, MINI: 0.1}
    assert expected_seconds(9.0, 0.2, warm, LARGE, MINI) == pytest.approx(1.0)
    assert expected_seconds(9.0, 0.2, {}, LARGE, MINI) == 9.0
