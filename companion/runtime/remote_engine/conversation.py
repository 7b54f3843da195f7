"""The guest's side of the conversation with a host, without socket or clock: what to say, and what is known of the host.

Times are in seconds of one clock. A host counts as *there* when it has loaded the model and has answered steadily for a
moment. It counts as gone when the connection is cut, when it says so, or when nothing has been heard from it for SILENT_SECONDS.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from statistics import median

from companion import __version__
from companion.runtime.ipc.protocol import (
    REMOTE_PROTOCOL,
    Hello,
    Introduce,
    Ping,
    Pong,
    TurnedAway,
    Welcome,
)
from companion.runtime.remote_engine.checks import is_note, size_fault
from companion.session.api.effects import Cancel, Generate, LoadModel, Prefill
from companion.session.api.engine_events import (
    BarGenerated,
    EngineLost,
    EngineReady,
    GenerationFailed,
    GenerationFinished,
    LoadedSize,
    NoteGenerated,
)
from companion.session.api.settings import ModelSettings

HELLO_SECONDS, HELLO_AGAIN_SECONDS = 1.0, 3.0  # between greetings; after having been turned away
PING_SECONDS = 0.2
# Longer than two lost packets in a row hold up a connection (about 0.2 and 0.4 s), and short enough for the same bar.
SILENT_SECONDS = 1.0
STEADY_SECONDS = 1.0  # a host that comes back must answer for this long
ROUND_TRIPS_KEPT = 25
FAILED = "a note that MIDI has not"

Answer = NoteGenerated | BarGenerated | GenerationFinished | GenerationFailed


@dataclass(frozen=True, slots=True)
class Arrived:
    """The host can be asked from now on. loaded: its largest size; remarks: for the player."""

    loaded: LoadedSize
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Gone:
    """The host cannot be asked any more. reason: a few words that follow "the engine at …"."""

    reason: str


@dataclass(frozen=True, slots=True)
class Told:
    """A line for the player."""

    text: str


News = Arrived | Gone | Told | Answer


class Conversation:
    """See the module. place: how the host is called; name, performance: who we are.

    `say` takes the messages to send, `news` what has happened since the last call. round_trips: the last ones, in seconds.
    """

    def __init__(self, place: str, model: ModelSettings, name: str, performance: str) -> None:
        self._place, self._model = place, model
        self._hello = Hello(REMOTE_PROTOCOL, __version__, name, performance)
        self._to_send: list[object] = []
        self._news: list[News] = []
        self._welcomed = self.is_there = False
        self._next_hello = self._next_ping = self._heard = self._steady_since = 0.0
        self._pings: dict[int, float] = {}  # number → when it was sent
        self._last_ping = 0
        self.round_trips: deque[float] = deque(maxlen=ROUND_TRIPS_KEPT)
        self._host: EngineReady | None = None
        self._last_told = ""
        self._said_faulty = False
        self.paired = False  # the host has said that it knows our own key

    @property
    def is_welcome(self) -> bool:
        """Whether the host has greeted us and has not sent us away since."""
        return self._welcomed

    @property
    def round_trip_seconds(self) -> float:
        """The usual time to the host and back; 0 before it is known."""
        return median(self.round_trips) if self.round_trips else 0.0

    @property
    def size_name(self) -> str:
        """How the host's size is called here; "" while none is known."""
        return f"{self._host.checkpoint.name} at {self._place}" if self._host else ""

    def connected(self, now: float, public_key: str = "") -> None:
        """A connection stands. public_key: our own key, if it was made with a token."""
        self._hello = replace(self._hello, public_key=public_key)
        self._welcomed, self._next_hello = False, now

    def disconnected(self, reason: str) -> None:
        """The connection was cut."""
        self._welcomed, self._next_hello = False, float("inf")
        self._lose(reason)

    def ask(self, effect: Generate | Prefill | Cancel, now: float) -> bool:
        """Pass a request on. False if the host is not there."""
        if not self.is_there or self._host is None:
            return False
        if isinstance(effect, Cancel):
            self._to_send.append(effect)
            return True
        effect = replace(effect, job=replace(effect.job, size=self._host.checkpoint.name))
        if isinstance(effect, Generate):  # the two machines' clocks have nothing to do with each other
            effect = replace(effect, deadline_seconds=effect.deadline_seconds - now)
        self._to_send.append(effect)
        return True

    def tick(self, now: float) -> None:
        """Do what is due: greet, ping, notice silence."""
        if not self._welcomed:
            if now >= self._next_hello:
                self._next_hello = now + HELLO_SECONDS
                self._to_send.append(self._hello)
            return
        if now - self._heard > SILENT_SECONDS:
            self._steady_since = float("inf")
            self._lose(f"has not answered for {SILENT_SECONDS:g} s")
        if now >= self._next_ping:
            self._next_ping = now + PING_SECONDS
            self._last_ping += 1
            self._pings = {number: sent for number, sent in self._pings.items() if now - sent < 2 * SILENT_SECONDS}
            self._pings[self._last_ping] = now
            self._to_send.append(Ping(self._last_ping))
        self._arrive(now)

    def receive(self, message: object, now: float) -> None:
        """Handle a message of the host."""
        if now - self._heard > SILENT_SECONDS or self._steady_since == float("inf"):
            self._steady_since = now
        self._heard = now
        if isinstance(message, Pong):
            if (sent := self._pings.pop(message.number, None)) is not None:
                self.round_trips.append(now - sent)
        elif isinstance(message, Welcome):
            self._be_welcome(message, now)
        elif isinstance(message, TurnedAway):
            self._welcomed, self._next_hello = False, now + HELLO_AGAIN_SECONDS
            self._lose(message.reason)
            self._tell(message.reason)
        elif isinstance(message, Introduce):
            self._welcomed, self._next_hello = False, now
            self._lose("was restarted")
        elif isinstance(message, EngineReady):
            self._meet(message)
        elif isinstance(message, EngineLost):
            self._host = None
            self._lose(f"has no model: {message.reason}")
            self._tell(message.reason)
        elif isinstance(message, Answer):
            self._take(message)

    def faulty(self, fault: str) -> None:
        """Something that is no message of ours came from the host: it is reported once."""
        if not self._said_faulty:
            self._said_faulty = True
            self._news.append(Told(f"the engine at {self._place} sent what is no message of ours: {fault[:120]!r}"))

    def say(self) -> list[object]:
        """The messages to send now, in order."""
        messages, self._to_send = self._to_send, []
        return messages

    def news(self) -> list[News]:
        """What has happened, in order."""
        news, self._news = self._news, []
        return news

    # -- inside -------------------------------------------------------------------------------------------------------

    def _be_welcome(self, message: Welcome, now: float) -> None:
        if message.paired:
            self.paired = True
            return  # we connect again with our own key
        self._welcomed, self._steady_since, self._next_ping = True, now, now
        self._to_send.append(LoadModel(self._model))

    def _meet(self, ready: EngineReady) -> None:
        """The host says what it holds. We use its largest size; it may join later than a smaller one."""
        if fault := size_fault(ready.sizes[0]):
            self.faulty(fault)
            return
        if self.is_there and (self._host is None or self._host.checkpoint != ready.checkpoint):
            self._lose("has loaded another size")
        self._host = ready

    def _take(self, answer: Answer) -> None:
        if isinstance(answer, NoteGenerated) and not is_note(answer.note):
            self.faulty(FAILED)
        elif self.is_there:
            self._news.append(answer)

    def _arrive(self, now: float) -> None:
        host = self._host
        if self.is_there or host is None or not self.round_trips or now - self._steady_since < STEADY_SECONDS:
            return
        self.is_there = True
        self._last_told = ""
        trip = self.round_trip_seconds
        info = replace(host.checkpoint, name=self.size_name, place=self._place, round_trip_seconds=trip)
        self._news.append(Arrived(LoadedSize(info, host.warm_seconds), host.remarks))

    def _lose(self, reason: str) -> None:
        if self.is_there:
            self.is_there = False
            self._news.append(Gone(reason))

    def _tell(self, reason: str) -> None:
        """Tell the player why the host is not there, unless that was the last thing said."""
        if reason != self._last_told:
            self._last_told = reason
            self._news.append(Told(f"the engine at {self._place}: {reason}"))
