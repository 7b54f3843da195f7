"""Readings of a shared clock become ticks, starts and stops with the times at which they were due."""

from __future__ import annotations

import itertools

import pytest

from companion.midi.messages import ClockContinue, ClockMessage, ClockStart, ClockStop, ClockTick, SongPosition
from companion.runtime.clocks.beat_feed import BeatFeed, Reading

TICK = 60 / 120 / 24


def feed(*readings: tuple[float, float, bool], bpm: float = 120.0) -> list[tuple[float, ClockMessage]]:
    """What readings (seconds, beats, rolling) become."""
    one = BeatFeed()
    return [
        message for seconds, beats, rolling in readings for message in one.update(Reading(seconds, beats, bpm, rolling))
    ]


def kinds(messages: list[tuple[float, ClockMessage]]) -> list[str]:
    return [type(message).__name__ for _, message in messages if not isinstance(message, ClockTick)]


def ticks(messages: list[tuple[float, ClockMessage]]) -> list[float]:
    return [seconds for seconds, message in messages if isinstance(message, ClockTick)]


def after_start(messages: list[tuple[float, ClockMessage]]) -> list[tuple[float, ClockMessage]]:
    names = [isinstance(message, (ClockStart, ClockContinue)) for _, message in messages]
    return messages[names.index(True) :]


def test_at_rest_ticks_tell_the_tempo() -> None:
    idle = ticks(feed((10.0, 0.0, False), (10.25, 0.0, False), (10.51, 0.0, False)))
    assert len(idle) == 25
    assert [b - a for a, b in itertools.pairwise(idle)] == pytest.approx([TICK] * 24)


def test_a_start_that_is_noticed_late_has_its_own_time() -> None:
    played = after_start(feed((10.0, 0.0, False), (10.004, 0.008, True), (10.1, 0.2, True)))
    assert played[0] == (pytest.approx(10.0), ClockStart())
    assert ticks(played) == pytest.approx([10.0 + TICK * index for index in range(5)])


def test_a_countdown_starts_at_beat_zero() -> None:
    messages = feed((10.0, -1.0, True), (10.25, -0.5, True), (10.5, 0.0, True), (10.6, 0.2, True))
    assert kinds(messages) == ["ClockStart"]
    assert after_start(messages)[0][0] == pytest.approx(10.5)
    assert len(ticks(after_start(messages))) == 5


def test_music_that_begins_elsewhere_begins_on_the_next_sixteenth() -> None:
    messages = feed((10.0, 8.1, False), (10.002, 8.104, True), (10.2, 8.5, True))
    assert kinds(messages) == ["SongPosition", "ClockContinue"]
    assert [message for _, message in messages if isinstance(message, SongPosition)] == [SongPosition(33)]
    # 8.25 beats are 0.15 beats after the place of rest.
    assert ticks(after_start(messages))[0] == pytest.approx(10.002 + (8.25 - 8.104) / 2)


def test_a_clock_that_rolls_already_is_joined_where_it_is() -> None:
    messages = feed((10.0, 100.0, True), (10.5, 101.0, True))
    assert kinds(messages) == ["SongPosition", "ClockContinue"]
    assert len(ticks(after_start(messages))) == 25


def test_reading_seldom_and_often_give_the_same_ticks() -> None:
    seldom = feed((10.0, 0.0, False), (10.0, 0.0, True), (11.0, 2.0, True))
    often = feed((10.0, 0.0, False), *((10.0 + index / 100, index / 50, True) for index in range(101)))
    assert ticks(after_start(seldom)) == pytest.approx(ticks(after_start(often)))


def test_a_jump_stops_and_goes_on_elsewhere() -> None:
    messages = feed((10.0, 0.0, True), (10.1, 0.2, True), (10.2, 16.0, True), (10.3, 16.2, True))
    assert kinds(messages) == ["ClockStart", "ClockStop", "SongPosition", "ClockContinue"]
    assert messages[-1][0] == pytest.approx(10.2 + 4 * TICK)


def test_a_jump_to_a_sixteenth_that_is_noticed_late_begins_on_it() -> None:
    messages = feed((10.0, 0.0, True), (10.1, 0.2, True), (10.105, 8.004, True))
    assert [message for _, message in messages if isinstance(message, SongPosition)] == [SongPosition(32)]
    times = [seconds for seconds, _ in messages]
    assert times == sorted(times)
    # The tick that was due 2 ms before the jump was noticed.
    assert ticks(messages)[-1] == pytest.approx(10.105 - 0.004 / 2)


def test_a_new_tempo_is_no_jump_even_between_two_readings() -> None:
    one = BeatFeed()
    messages = one.update(Reading(10.0, 0.0, 120.0, True))
    messages += one.update(Reading(11.0, 2.5, 240.0, True))  # a quarter of the second at 240 BPM
    assert kinds(messages) == ["ClockStart"]
    times = ticks(messages)
    assert len(times) == 61
    assert times == sorted(times)


def test_a_stop_ends_and_the_tempo_is_still_told() -> None:
    messages = feed((10.0, 0.0, True), (10.1, 0.2, True), (10.2, 0.4, False), (10.3, 0.4, False))
    assert kinds(messages) == ["ClockStart", "ClockStop"]
    stop = next(seconds for seconds, message in messages if isinstance(message, ClockStop))
    assert stop == 10.2
    assert len([seconds for seconds in ticks(messages) if seconds >= stop]) == 5


def test_a_countdown_that_is_called_off_says_nothing() -> None:
    assert kinds(feed((10.0, -2.0, True), (10.2, -1.6, True), (10.3, 0.0, False))) == []


def test_a_pause_of_the_reader_makes_no_flood_of_idle_ticks() -> None:
    assert len(ticks(feed((10.0, 0.0, False), (3610.0, 0.0, False)))) <= 26


def test_the_time_of_the_next_tick_is_known() -> None:
    one = BeatFeed()
    one.update(Reading(10.0, 0.0, 120.0, True))
    assert one.next_seconds() == pytest.approx(10.0 + TICK)
