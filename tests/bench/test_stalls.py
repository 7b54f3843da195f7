"""Telling the machine's stalls from the program's own slowness."""

from __future__ import annotations

import os
import time

import pytest

from companion.bench.live.realtime import apart_from
from companion.bench.live.stalls import Stalls, merged, watch_stalls
from companion.midi.messages import NoteOn
from companion.runtime.machine.priority import can_be_realtime
from companion.runtime.players.tunes import TrueClock
from companion.runtime.recording.recorder import Log
from companion.runtime.recording.records import MessageSent, PlayerBegan


def stalls(*spans: tuple[float, float]) -> Stalls:
    found = Stalls()
    found.tell(spans)
    return found


def test_spans_of_several_cores_that_overlap_are_one() -> None:
    assert merged([(5.0, 6.0), (1.0, 2.0), (1.5, 3.0), (3.0, 3.5)]) == [(1.0, 3.5), (5.0, 6.0)]


@pytest.mark.parametrize(
    ("begin", "end", "expected"),
    [(0.0, 0.9, False), (0.0, 1.0, True), (1.2, 1.3, True), (2.0, 4.0, True), (2.1, 4.9, False), (6.1, 9.0, False)],
)
def test_during(begin: float, end: float, expected: bool) -> None:
    assert stalls((1.0, 2.0), (5.0, 6.0)).during(begin, end) is expected


def test_nothing_is_during_the_stalls_that_nobody_watched_for() -> None:
    assert not Stalls().during(0.0, 1e9)


def test_summary_is_in_milliseconds() -> None:
    assert stalls((1.0, 1.002), (5.0, 5.01)).summary() == {"count": 2, "longest_ms": 10.0, "total_ms": 12.0}


def test_only_notes_within_a_stall_are_left_out() -> None:
    true = TrueClock(10.0, 60.0)
    sent = [(10.0, 10.001), (11.0, 11.05), (12.0, 12.003)]  # (due, left): the second was held up by a stall
    log = Log(
        {},
        (
            PlayerBegan(9.0, true.start_seconds, true.bpm),
            *(MessageSent(left, "", NoteOn(0, 60, 90), due, 0, float(beat)) for beat, (due, left) in enumerate(sent)),
        ),
    )
    found = apart_from(stalls((11.0, 11.049)), log)
    assert found["notes"] == 2
    assert found["onset_error_ms"]["max"] == found["scheduling_error_ms"]["max"] == pytest.approx(3.0)


@pytest.mark.skipif(not can_be_realtime(), reason="SCHED_FIFO is not permitted here")
def test_watchers_of_every_core_report_when_they_are_told_to_end() -> None:
    begun = time.monotonic()
    with watch_stalls() as found:
        assert found.spans is None, "complete only afterwards"
    assert found.spans is not None
    assert all(begun < begin < end for begin, end in found.spans)


def test_without_the_right_to_watch_nobody_has_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(), raising=False)
    with watch_stalls() as found:
        pass
    assert found.spans is None
