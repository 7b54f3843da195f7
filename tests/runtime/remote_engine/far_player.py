"""A performance whose engine is on another machine, and what must hold of its recording."""

from __future__ import annotations

from companion.runtime.front.report import hanging_notes
from companion.runtime.processes.live_performance import LivePerformance
from companion.runtime.recording.recorder import Log, read_log
from companion.runtime.recording.records import EventReceived
from companion.runtime.recording.replay import replay
from companion.session.api.effects import Notice
from companion.session.api.events import EngineLost
from tests.runtime.remote_engine.remote_stage import wait_until


class Player:
    """A performance, and what it has told its player."""

    def __init__(self, performance: LivePerformance) -> None:
        self.performance = performance
        self.told: list[str] = []

    def writer(self) -> str:
        """Where the size that writes runs: a host, "" for this machine, "?" for none."""
        self.told += [event.text for event in self.performance.events() if isinstance(event, Notice)]
        snapshot = self.performance.snapshot()
        return "?" if snapshot is None or snapshot.checkpoint is None else snapshot.checkpoint.place

    def wait_for_writer(self, place: str) -> None:
        wait_until(lambda: self.writer() == place, f"{place or 'this machine'} to write; told: {self.told}")

    def wait_for_bars(self, count: int) -> None:
        def bars() -> int:
            snapshot = self.performance.snapshot()
            return snapshot.generation.bars if snapshot else 0

        begun = bars()
        wait_until(lambda: bars() >= begun + count, "the music to go on")


def end_and_check(player: Player) -> Log:
    """What must hold of every recording: nothing hangs, no process died here, and it plays again note for note."""
    player.performance.stop()
    assert player.performance.recording is not None
    log = read_log(player.performance.recording / "log.jsonl")
    assert not hanging_notes(log)
    assert player.performance.summary["faults"] == 0
    assert not [record for record in log.of_kind(EventReceived) if isinstance(record.event, EngineLost)]
    assert replay(log).same
    assert set(player.performance.summary["bars_by_ladder_step"]) <= {"fresh", "older", "variation"}
    return log
