"""Clocks that part tell of a suspend."""

from __future__ import annotations

from companion.runtime.machine.sleep_watch import SleepWatch


def test_a_suspend_is_told_once_with_its_length() -> None:
    now = {"awake": 100.0, "always": 5000.0}
    watch = SleepWatch(lambda: now["awake"], lambda: now["always"])
    now.update(awake=103.0, always=5003.0)
    assert watch.slept() == 0
    now.update(awake=103.5, always=5603.5)
    assert watch.slept() == 600.0
    now.update(awake=104.0, always=5604.0)
    assert watch.slept() == 0


def test_clocks_that_are_read_one_after_the_other_are_no_suspend() -> None:
    watch = SleepWatch()
    assert [watch.slept() for _ in range(1000)] == [0.0] * 1000
