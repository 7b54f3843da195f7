from __future__ import annotations

import pytest

from companion.midi.messages import ClockContinue, ClockStart, ClockStop, ClockTick, SongPosition
from companion.session.timing.internal_clock import InternalClock, TapTempo


def run(clock: InternalClock, until: float) -> None:
    """From 0, waking up often enough."""
    for step in range(101):
        clock.due(until * step / 100)


def test_ticks_are_due_on_the_grid():
    clock = InternalClock(120)
    clock.start(0.0, 10.0)
    messages = clock.due(10.5)
    assert messages[0] == (ClockStart(), 10.0)
    assert [time for message, time in messages if message == ClockTick()] == pytest.approx(
        [10 + n / 48 for n in range(25)]
    )


def test_a_tempo_change_bends_what_is_to_come():
    clock = InternalClock(120)
    clock.start(0.0, 0.0)
    run(clock, 1.0)
    clock.set_bpm(60, 1.0)
    assert clock.position_at(1.0) == pytest.approx(2.0)
    assert clock.seconds_at(3.0) == pytest.approx(2.0)


def test_a_count_in_is_silent_for_others():
    clock = InternalClock(120)
    clock.start(0.0, 0.0, count_in_beats=4)
    assert clock.position_at(0.0) == -4
    assert clock.due(1.9) == []
    assert clock.due(2.0)[0][0] == ClockStart()


def test_from_another_place_others_are_told_where():
    clock = InternalClock(120)
    assert clock.start(8.0, 0.0) == [(SongPosition(32), 0.0)]
    assert [message for message, _ in clock.due(0.0)] == [ClockContinue(), ClockTick()]


def test_going_on_after_a_stop_sends_no_position():
    clock = InternalClock(120)
    clock.start(0.0, 0.0)
    run(clock, 1.01)
    assert clock.stop(1.01) == [(ClockStop(), 1.01)]
    assert clock.start(clock.position_at(2.0), 2.0, located=False) == []
    (first, _), (second, due) = clock.due(2.02)
    assert (first, second) == (ClockContinue(), ClockTick())
    assert due == pytest.approx(2.0 + 1 / 48 - 0.01, abs=1e-6)


def test_a_suspended_machine_catches_nothing_up():
    clock = InternalClock(120)
    clock.start(0.0, 0.0)
    run(clock, 1.0)
    assert len(clock.due(100.0)) == 1
    assert clock.position_at(100.0) == pytest.approx(2 + 1 / 24)


def test_taps_set_the_median_tempo():
    taps = TapTempo()
    assert taps.tap(0.0) is None
    assert [taps.tap(time) for time in (0.5, 1.02, 1.5, 2.0)][-1] == pytest.approx(120, abs=2)
    assert taps.tap(9.0) is None
