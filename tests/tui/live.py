"""A real session behind the screen, without threads or clocks: literal times go in, an engine answers from a script."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from companion.session.api.effects import Generate, Learned, Notice
from companion.session.api.events import BarGenerated, Command, EngineReady, GenerationFinished, NoteGenerated
from companion.session.api.settings import ClockSettings, SessionSettings, TrackSettings
from companion.session.api.snapshot import Snapshot
from companion.session.session import Session
from tests.tui.scripted import YELLOW, bass

DUO = SessionSettings(
    tracks=(
        TrackSettings("you", "human"),
        TrackSettings("bass", "companion", program=33, channel=1),
        TrackSettings("drums", "companion", is_drum=True, channel=9),
    ),
    clock=ClockSettings(source="external"),
)


class SessionPerformance:
    """Drives a Session by hand: `advance(seconds)` moves its time on; a Generate is answered at once with a bass line."""

    recording: Path | None = None

    def __init__(self, settings: SessionSettings = DUO) -> None:
        self.now = 0.0
        self.session = Session(settings, self.now, seed=1)
        self.session.receive(EngineReady(YELLOW, ((4, 0.05), (8, 0.1))), self.now)
        self.stopped = False
        self.told: list[Notice | Learned] = []
        self.sent: list[Command] = []
        self._work()

    def advance(self, seconds: float, step: float = 0.01) -> None:
        end = self.now + seconds
        while self.now < end:
            self.now += step
            self.session.handle_timer(self.now)
            self._work()

    def _work(self) -> None:
        for effect in list(self.session.effects()):
            if isinstance(effect, Generate):
                self._answer(effect)
            elif isinstance(effect, (Notice, Learned)):
                self.told.append(effect)

    def _answer(self, wish: Generate) -> None:
        job = wish.job
        for window_track, window_bar in job.targets:
            track, bar = job.tracks[window_track], job.first_bar + window_bar
            for note in bass(bar):
                self.session.receive(NoteGenerated(job.request_id, track, bar, note), self.now)
            self.session.receive(BarGenerated(job.request_id, track, bar), self.now)
        self.session.receive(GenerationFinished(job.request_id, 0.1, tokens=40), self.now)

    def send(self, command: Command) -> None:
        self.sent.append(command)
        self.session.receive(command, self.now)
        self._work()

    def snapshot(self) -> Snapshot:
        return self.session.snapshot(self.now)

    def events(self) -> list[Any]:
        told, self.told = self.told, []
        return told

    def play_key(self, data: bytes, struck_at: float) -> None:
        pass

    def choose_port(self, direction: str, name: str) -> None:
        raise AssertionError("no ports here")

    def list_ports(self) -> Any:
        raise AssertionError("no ports here")

    def alive(self) -> bool:
        return not self.stopped

    def stop(self) -> None:
        self.stopped = True
