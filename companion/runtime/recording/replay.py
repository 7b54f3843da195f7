"""Replays a recorded performance: the same calls into a new session must give exactly the same notes.

The engine is not asked again, because its answers are in the log. Nothing here waits: hours replay in seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from companion.runtime.processes.recorded_session import EngineEffect, FrontEffect, RecordedSession
from companion.runtime.recording.recorder import Log
from companion.runtime.recording.records import (
    EventReceived,
    MessageSent,
    MidiArrived,
    Record,
    SessionClosed,
    TimerRan,
)
from companion.session.api.effects import AskClock
from companion.session.api.events import MidiReceived
from companion.session.api.snapshot import Snapshot

Sent = tuple[str, object, float]  # port, message and due time must agree


@dataclass(frozen=True, slots=True)
class Replayed:
    """The result of a replay. `first_difference` is "" if every message agrees with the log."""

    sent: tuple[MessageSent, ...]
    snapshot: Snapshot
    logged: int
    first_difference: str = ""

    @property
    def same(self) -> bool:
        """Whether all agreed."""
        return not self.first_difference


@dataclass
class _Listener:
    """Receives messages at the time of the call that sent them."""

    now: float = 0.0
    records: list[Record] = field(default_factory=list)

    def send_midi(self, port: str, data: bytes, due: float) -> float | None:
        return self.now

    def ask_engine(self, effect: EngineEffect) -> None:
        return None

    def tell_front(self, notice: FrontEffect) -> None:
        return None

    def ask_clock(self, wish: AskClock) -> None:
        return None


def replay(log: Log) -> Replayed:
    """Feed the log into a new session and compare what it sends."""
    listener = _Listener(now=log.start_seconds)
    sent: list[MessageSent] = []

    def record(item: Record) -> None:
        if isinstance(item, MessageSent):
            sent.append(item)

    recorded = RecordedSession(log.settings, log.start_seconds, listener, record)
    for item in log.records:
        if isinstance(item, (MidiArrived, EventReceived, TimerRan, SessionClosed)):
            listener.now = item.seconds
            _repeat(item, recorded)
    logged = list(log.of_kind(MessageSent))
    return Replayed(
        tuple(sent), recorded.session.snapshot(listener.now), len(logged), _difference(logged, sent, log.truncated)
    )


def _repeat(call: MidiArrived | EventReceived | TimerRan | SessionClosed, recorded: RecordedSession) -> None:
    """The same call into the new session."""
    if isinstance(call, MidiArrived):
        recorded.receive(MidiReceived(call.port, call.message), call.seconds)
    elif isinstance(call, EventReceived):
        recorded.receive(call.event, call.seconds)
    elif isinstance(call, TimerRan):
        recorded.handle_timer(call.seconds)
    else:
        recorded.close(call.seconds)


def _difference(logged: list[MessageSent], again: list[MessageSent], truncated: bool) -> str:
    """The first send that differs. A log cut off by a crash may lack the last sends of its last call."""
    for number, (was, now) in enumerate(zip(logged, again, strict=False), start=1):
        if _essence(was) != _essence(now):
            return f"send {number}: logged {_essence(was)}, replayed {_essence(now)}"
    if len(again) < len(logged) or (len(again) > len(logged) and not truncated):
        return f"{len(logged)} sends logged, {len(again)} replayed"
    return ""


def _essence(record: MessageSent) -> Sent:
    return record.port, record.message, record.due_seconds


def replayed_log(log: Log, replayed: Replayed) -> Log:
    """The log with the sends of the replay in place of its own, for writing what was played again."""
    others = (item for item in log.records if not isinstance(item, MessageSent))
    return Log(log.header, (*others, *replayed.sent), log.truncated)
