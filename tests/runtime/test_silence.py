"""When a process counts as silent, with literal times."""

from __future__ import annotations

from companion.runtime.processes.silence import Silence

TURN = 0.02


def turns(silence: Silence, begin: float, end: float) -> float:
    """The watcher looks every 20 ms. Returns the longest silence."""
    return max(silence.seconds(begin + TURN * step) for step in range(round((end - begin) / TURN)))


def test_silence_is_counted_while_the_watcher_runs() -> None:
    silence = Silence(0.0, until=0.0)
    silence.heard(1.0)
    assert 2.9 < turns(silence, 1.0, 4.0) < 3.0


def test_before_counting_begins_nothing_is_silent_and_a_first_sign_of_life_begins_it() -> None:
    silence = Silence(0.0, until=30.0)
    assert turns(silence, 0.0, 20.0) < 0
    silence.heard(20.0)
    assert turns(silence, 20.0, 24.0) > 3.9


def test_a_machine_that_stands_still_is_no_silence() -> None:
    """Both processes stop for 11 seconds. The watcher wakes first, and the other one half a second later."""
    silence = Silence(0.0, until=0.0)
    silence.heard(5.0)
    turns(silence, 5.0, 5.1)
    assert turns(silence, 16.1, 16.6) < 0.7
    silence.heard(16.6)
    assert turns(silence, 16.6, 20.6) > 3.9, "a real hang is noticed afterwards"


def test_several_stalls_in_a_row_do_not_add_up() -> None:
    silence = Silence(0.0, until=0.0)
    for second in (2.0, 5.0, 9.0, 12.0):
        assert silence.seconds(second) < 0.1
