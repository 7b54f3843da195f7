"""A session whose events are recorded and whose effects are carried out. No clock, no process, no driver of its own.

The realtime process, simulated time and replay all drive this one class, so what was played can be played again: the record
holds every call of the session with its time, in order, and what the session sent.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from companion.errors import PortError
from companion.midi.codec import encode
from companion.midi.messages import Malformed, Message, NoteOff, NoteOn
from companion.runtime.recording.records import (
    BarsRequested,
    EventReceived,
    FaultPassedOver,
    ForgottenNoteEnded,
    FrontTold,
    MessageSent,
    MidiArrived,
    PrefillRequested,
    Record,
    SessionClosed,
    TimerRan,
)
from companion.session.api.effects import (
    AskClock,
    Cancel,
    Effect,
    FrontEffect,
    Generate,
    LoadModel,
    Notice,
    Prefill,
    PrepareModel,
    SendMidi,
)
from companion.session.api.events import Event, MidiReceived
from companion.session.api.settings import SessionSettings
from companion.session.session import Session

EngineEffect = Generate | Prefill | Cancel | LoadModel | PrepareModel
MAX_FAULTS_KEPT = 20


class Surroundings(Protocol):
    """What a recorded session needs from whoever runs it."""

    def send_midi(self, port: str, data: bytes, due: float) -> float | None:
        """Send bytes to a port ("" = the default one), but not before `due`, which is at most an instant ahead.

        Returns the time at which they left, or None if the port does not exist now. Raises PortError if the driver refuses them.
        """
        ...

    def ask_engine(self, effect: EngineEffect) -> None:
        """Pass on; never waits."""
        ...

    def tell_front(self, notice: FrontEffect) -> None:
        """Pass on; never waits."""
        ...

    def ask_clock(self, wish: AskClock) -> None:
        """Pass on to the shared clock; never waits."""
        ...


class RecordedSession:
    """See the module. `record` is called with one record for everything that happens."""

    def __init__(
        self, settings: SessionSettings, now: float, around: Surroundings, record: Callable[[Record], None]
    ) -> None:
        self._around, self._record = around, record
        self.session = Session(settings, now)
        self.sounding: set[tuple[str, int, int]] = set()  # (port, channel, key) of the notes that were really sent
        self.notes_sent = 0
        self.hanging = 0  # notes that the session left sounding and we ended; should stay 0
        self.faults = 0
        self.unsent = 0
        self.carry_out(now)

    def receive(self, event: Event, now: float) -> None:
        """Pass an event to the session and carry out the effects."""
        if isinstance(event, MidiReceived) and not isinstance(event.message, Malformed):
            self._record(MidiArrived(now, event.port, event.message))
        else:
            self._record(EventReceived(now, event))
        self._guarded(self.session.receive, event, now)
        self.carry_out(now)

    def handle_timer(self, now: float) -> None:
        """Let the session do what is due; `now` may be an instant ahead, so that messages are ready by the moment they are due."""
        self._record(TimerRan(now))
        self._guarded(self.session.handle_timer, now)
        self.carry_out(now)

    def next_timer(self, now: float) -> float | None:
        """When `handle_timer` is needed next."""
        try:
            return self.session.next_timer()
        except Exception:
            self._fault(now)
            return None

    def close(self, now: float) -> None:
        """Close the session, and send note-offs for any note that it has forgotten."""
        self._record(SessionClosed(now))
        self._guarded(self.session.close, now)
        self.carry_out(now)
        self.silence(now)

    def silence(self, now: float) -> int:
        """Send note-offs for every note that sounds by our own record. Returns their number."""
        hanging = [SendMidi(port, NoteOff(channel, key), now) for port, channel, key in sorted(self.sounding)]
        for effect, left in zip(hanging, self._send(hanging), strict=True):
            self._account(effect, left, ForgottenNoteEnded)
        self.hanging += len(hanging)
        return len(hanging)

    def carry_out(self, now: float) -> None:
        """Carry out the session's effects. Messages leave first, all at once; they are recorded afterwards."""
        effects = self.session.effects()
        left = iter(self._send([effect for effect in effects if isinstance(effect, SendMidi)]))
        for effect in effects:
            if isinstance(effect, SendMidi):
                self._account(effect, next(left))
            else:
                self._do(effect, now)

    def _do(self, effect: Effect, now: float) -> None:
        if isinstance(effect, FrontEffect):
            self._record(FrontTold(now, effect))
            self._around.tell_front(effect)
        elif isinstance(effect, AskClock):
            self._around.ask_clock(effect)
        elif not isinstance(effect, SendMidi):
            if isinstance(effect, Generate):
                job = effect.job
                bars = job.window.bar_count
                asked = (job.request_id, job.seed, job.mask_mode, bars, job.targets, job.tracks, job.from_beat)
                self._record(BarsRequested(now, *asked))
            elif isinstance(effect, Prefill):
                self._record(PrefillRequested(now, effect.job.request_id))
            self._around.ask_engine(effect)

    def _send(self, effects: Sequence[SendMidi]) -> list[float | None]:
        """Returns when each message left. The notes of a chord do not wait for each other's records."""
        ready = [(effect.port, _encoded(effect.message), effect.due_seconds) for effect in effects]
        return [self._send_one(port, data, due) if data else None for port, data, due in ready]

    def _send_one(self, port: str, data: bytes, due: float) -> float | None:
        try:
            return self._around.send_midi(port, data, due)
        except PortError:
            return None

    def _account(
        self, effect: SendMidi, left: float | None, kind: type[MessageSent | ForgottenNoteEnded] = MessageSent
    ) -> None:
        message = effect.message
        self._keep_account(effect.port, message, left is not None)
        self.unsent += left is None
        self._record(kind(left, effect.port, message, effect.due_seconds, effect.source, effect.position_beats))

    def _keep_account(self, port: str, message: Message, sent: bool) -> None:
        if isinstance(message, NoteOn) and sent:
            self.sounding.add((port, message.channel, message.key))
            self.notes_sent += 1
        elif isinstance(message, NoteOff):
            self.sounding.discard((port, message.channel, message.key))

    def _guarded(self, call: Callable[..., None], *arguments: Any) -> None:
        """A fault of ours is recorded and ignored, so that it does not end the music. The last argument is the time."""
        try:
            call(*arguments)
        except Exception:
            self._fault(arguments[-1])

    def _fault(self, now: float) -> None:
        self.faults += 1
        if self.faults <= MAX_FAULTS_KEPT:
            self._record(FaultPassedOver(now, traceback.format_exc(limit=6)))
        if self.faults == 1:
            text = "a fault in the session was passed over; please keep this recording's log and report it"
            self._around.tell_front(Notice("error", text))


def _encoded(message: Message) -> bytes:
    """The message's bytes, empty if it cannot be encoded."""
    try:
        return encode(message)
    except ValueError:
        return b""
