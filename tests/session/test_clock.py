from __future__ import annotations

import itertools

import pytest

from companion.midi.messages import ClockContinue, ClockStart, ClockStop, ClockTick, SongPosition
from companion.session.timing.external_clock import TRANSITIONS, ExternalClock

PERIOD = 1 / 48


def tick(clock: ExternalClock, count: int, start: float, period: float = PERIOD) -> float:
    for number in range(count):
        clock.receive(ClockTick(), start + number * period)
    return start + count * period


def started(ticks: int = 48) -> tuple[ExternalClock, float]:
    clock = ExternalClock(120)
    clock.receive(ClockStart(), 0.99)
    return clock, tick(clock, ticks, 1.0)


def test_the_table_is_complete():
    states, inputs = zip(*TRANSITIONS, strict=True)
    assert set(TRANSITIONS) == set(itertools.product(states, inputs))
    assert len(TRANSITIONS) == 20


def test_start_only_arms():
    clock = ExternalClock(120)
    clock.receive(ClockStart(), 1.0)
    assert clock.state == "armed"


def test_first_tick_after_start_is_position_zero():
    clock, _ = started(1)
    assert clock.state == "running"
    assert clock.position_at(1.0) == pytest.approx(0)


def test_position_counts_ticks_and_inverts():
    clock, now = started(49)
    assert clock.position_at(now) == pytest.approx(49 / 24)
    assert clock.seconds_at(4) == pytest.approx(3.0)


def test_ticks_while_stopped_only_tell_the_tempo():
    clock = ExternalClock(120)
    tick(clock, 48, 1.0, 60 / (24 * 90))
    assert clock.state == "stopped"
    assert clock.bpm == pytest.approx(90, abs=0.1)
    assert clock.position_at(5) == 0


def test_start_among_running_ticks_keeps_the_tempo():
    clock = ExternalClock(120)
    now = tick(clock, 48, 1.0, 60 / (24 * 90))
    clock.receive(ClockStart(), now - 0.001)
    clock.receive(ClockTick(), now)
    assert clock.position_at(now) == pytest.approx(0, abs=1e-4)
    assert clock.seconds_at(1) == pytest.approx(now + 60 / 90, abs=1e-3)


def test_continue_goes_on_with_the_next_tick():
    clock, now = started(30)
    clock.receive(ClockStop(), now)
    clock.receive(ClockContinue(), now + 5)
    clock.receive(ClockTick(), now + 6)
    assert clock.position_at(now + 6) == pytest.approx(30 / 24)


def test_song_position_is_obeyed_while_stopped():
    clock = ExternalClock(120)
    clock.receive(SongPosition(16), 1.0)
    clock.receive(ClockContinue(), 1.1)
    clock.receive(ClockTick(), 1.2)
    assert clock.position_at(1.2) == pytest.approx(4.0)


def test_song_position_is_ignored_while_running():
    clock, now = started()
    clock.receive(SongPosition(64), now)
    assert clock.ignored_positions == 1
    assert clock.position_at(now) == pytest.approx(2.0)


def test_silence_loses_the_clock_after_a_quarter_second():
    clock, now = started()
    last = now - PERIOD
    assert clock.next_timer() == pytest.approx(last + 0.25)
    clock.handle_timer(last + 0.24)
    assert clock.state == "running"
    clock.handle_timer(last + 0.25)
    assert clock.state == "lost"


def test_ten_bpm_is_not_lost_between_its_ticks():
    clock = ExternalClock(120)
    clock.receive(ClockStart(), 0.0)
    for number in range(20):
        now = 1 + number * 0.25
        clock.handle_timer(now)
        clock.receive(ClockTick(), now)
        assert clock.state == "running"
    assert clock.bpm == pytest.approx(10, abs=0.5)


def test_back_after_a_drop_out_the_missing_ticks_count():
    clock, now = started()
    clock.handle_timer(now + 0.5)
    back = now + 40 * PERIOD
    clock.receive(ClockTick(), back)
    assert clock.state == "running"
    assert clock.position_at(back) == pytest.approx((48 + 40) / 24)
    now = tick(clock, 12, back + PERIOD)
    assert clock.position_at(now) == pytest.approx((48 + 40 + 13) / 24)
    assert clock.missed_ticks == 40


@pytest.mark.parametrize("silence_ticks", [14, 40, 90])
def test_ticks_that_come_in_a_bunch_after_a_drop_out_do_not_count_twice(silence_ticks):
    clock, now = started()
    clock.handle_timer(now + 0.25)
    assert clock.state == "lost"
    back = now + silence_ticks * PERIOD
    tick(clock, silence_ticks + 1, back, 0.0005)
    now = tick(clock, 30, back + PERIOD)
    assert clock.position_at(now) == pytest.approx((48 + silence_ticks + 31) / 24, abs=0.02)
    assert clock.missed_ticks == 0


def test_a_start_whose_ticks_begin_anew_shifts_nothing():
    """A tick 1.7 periods after the last one before Start is no sign of a lost tick: the master began its ticks anew."""
    clock, now = started()
    clock.receive(ClockStop(), now - 0.9 * PERIOD)
    clock.receive(ClockStart(), now)
    first = now + 0.7 * PERIOD
    now = tick(clock, 30, first)
    assert clock.position_at(now) == pytest.approx(30 / 24, abs=0.01)
    assert clock.missed_ticks == 0


def test_a_stop_right_after_a_lost_tick_still_counts_it():
    clock, now = started()
    now = tick(clock, 2, now + PERIOD)
    clock.receive(ClockStop(), now - 0.001)
    assert clock.position_at(now) == pytest.approx(51 / 24)


def test_from_four_hundred_to_ten_the_new_tempo_is_learnt():
    """At 10 BPM every tick comes after the time-out of a fast clock."""
    clock = ExternalClock(400)
    clock.receive(ClockStart(), 0.99)
    now = tick(clock, 96, 1.0, 1 / 160)
    for _ in range(30):
        now += 0.25
        clock.handle_timer(now - 0.001)
        clock.receive(ClockTick(), now)
    assert clock.bpm == pytest.approx(10, abs=0.2)
    assert clock.state == "running"
    assert clock.position_at(now) == pytest.approx(125 / 24, abs=0.02)


def test_back_after_a_long_silence_it_goes_on_where_it_was():
    clock, now = started()
    clock.handle_timer(now + 0.5)
    clock.receive(ClockTick(), now + 5)
    assert clock.position_at(now + 5) == pytest.approx(2.0)
