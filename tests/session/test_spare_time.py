"""Work that may wait: in small steps behind the bar line, never just before a note, and at once where it is needed."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise

import pytest

from companion.music import TimeSignature
from companion.session.practice.songbook import SongBook
from companion.session.spare_time import SpareTime
from companion.session.timing.musical_time import MusicalTime
from companion.session.timing.timeline import Timeline

FOUR = TimeSignature()


def no_note() -> float:
    return math.inf


@pytest.fixture
def time() -> MusicalTime:
    """Our own clock at 120 BPM, running from 10 s on."""
    made = MusicalTime("internal", 120.0, SongBook(None, FOUR), Timeline(lambda bar: FOUR, lambda bar: bar + 1), 1.0)
    assert made.master is not None
    made.master.start(0.0, 10.0)
    return made


def work(done: list[str], name: str, steps: int) -> Iterator[None]:
    for step in range(steps):
        done.append(f"{name}{step}")
        yield


def test_nothing_is_due_without_work(time: MusicalTime) -> None:
    assert SpareTime(time).due_seconds() == math.inf


def test_work_begins_a_moment_behind_the_line_and_goes_step_by_step(time: MusicalTime) -> None:
    done: list[str] = []
    spare = SpareTime(time)
    spare.bar_began(1)
    spare.add(work(done, "a", 2))
    spare.add(work(done, "b", 1))
    due = spare.due_seconds()
    assert due == pytest.approx(time.to_seconds(4 + 1 / 16))
    spare.run_due(due - 0.001, no_note)
    assert done == []
    turns = []
    while spare.due_seconds() < math.inf:
        turns.append((spare.due_seconds(), len(done)))
        spare.run_due(spare.due_seconds(), no_note)
    assert done == ["a0", "a1", "b0"]
    assert all(after - before <= 1 for (_, before), (_, after) in pairwise(turns)), "one step a turn"
    assert all(after > before for (before, _), (after, _) in pairwise(turns)), "others come in between"


def test_a_step_waits_for_a_note_that_is_near(time: MusicalTime) -> None:
    done: list[str] = []
    spare = SpareTime(time)
    spare.bar_began(0)
    spare.add(work(done, "a", 1))
    due = spare.due_seconds()
    spare.run_due(due, lambda: due + 0.002)
    assert done == []
    assert spare.due_seconds() > due + 0.002
    spare.run_due(spare.due_seconds(), lambda: due + 0.5)
    assert done == ["a0"]


def test_what_is_needed_now_is_done_at_once(time: MusicalTime) -> None:
    done: list[str] = []
    spare = SpareTime(time)
    spare.bar_began(0)
    spare.add(work(done, "a", 3))
    spare.run_due(spare.due_seconds(), no_note)
    spare.add(work(done, "b", 2))
    spare.finish()
    assert done == ["a0", "a1", "a2", "b0", "b1"]
    assert spare.due_seconds() == math.inf
