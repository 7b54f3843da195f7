"""Messages between our processes other than the session's commands, events and effects. They are frozen values; see `wire`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from companion.midi.port_choice import PortChoice
from companion.runtime.players.manner import Manner
from companion.session.api.settings import SessionSettings
from companion.sound.settings import SoundChoice

SOUND_REMARK = (
    "sound: "  # begins what is said of the audio device: words once it is open, JSON as the last remark of a log
)


@dataclass(frozen=True, slots=True)
class Setup:
    """Everything a realtime process needs to begin. player "" = real ports; bars 0 = until told to end."""

    settings: SessionSettings
    ports: PortChoice = PortChoice()
    title: str = ""
    player: str = ""
    bars: int = 0
    manner: Manner = field(default_factory=Manner)
    recording: str = ""  # the folder to keep, "" = keep nothing
    sound: SoundChoice = SoundChoice()
    realtime: int = 0  # to a supervisor that takes over: the id of the realtime process, which is running already


@dataclass(frozen=True, slots=True)
class ChoosePort:
    """Front → realtime: play on another port. direction: "in" or "out"."""

    direction: str
    name: str


@dataclass(frozen=True, slots=True)
class End:
    """Front → realtime: note-offs, then end."""


@dataclass(frozen=True, slots=True)
class LogHeader:
    """Realtime → supervisor: the first line of the log, without its end."""

    line: bytes


@dataclass(frozen=True, slots=True)
class LogLines:
    """Realtime → supervisor: further lines of the log, of which the first has this number. Also sent empty, as a sign of life."""

    first: int = 0
    lines: bytes = b""


@dataclass(frozen=True, slots=True)
class SupervisorRemark:
    """Supervisor → realtime: a line for the log. All lines go through one process, so that their order is certain."""

    text: str


@dataclass(frozen=True, slots=True)
class EngineStuck:
    """Realtime → supervisor: the engine has not answered for a long time. End it, so that another one is started."""

    reason: str


@dataclass(frozen=True, slots=True)
class Wire:
    """Realtime → supervisor → port watch: connect (or disconnect) two ports of the sound server."""

    source: str
    sink: str
    connected: bool = True


@dataclass(frozen=True, slots=True)
class OwnPorts:
    """Realtime → front: the full names of our own ports. The front does not offer them, so that we are not connected to ourselves."""

    names: frozenset[str]


@dataclass(frozen=True, slots=True)
class PresentSettings:
    """Realtime → front: every setting as it is now, whenever one has changed, but no song, no set list and no stored snapshots."""

    settings: SessionSettings


@dataclass(frozen=True, slots=True)
class Started:
    """Supervisor → front: the realtime process's id."""

    realtime: int


@dataclass(frozen=True, slots=True)
class Account:
    """Realtime → front: the numbers of the whole performance, as in the last line of its log, even if no log could be written."""

    summary: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Ended:
    """Supervisor → front: the music is over and the recording is complete. reason: "" if the end was intended."""

    reason: str = ""


@dataclass(frozen=True, slots=True)
class Finishing:
    """Supervisor → front: the music is over and the recording is being completed. Repeated until `Ended`."""


# --- with further screens on a running performance ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Performing:
    """Performance → attached screen: the first message. process: the performance's id. settings: those it began with."""

    process: int
    title: str
    settings: SessionSettings
    program: str = ""


@dataclass(frozen=True, slots=True)
class KeyPlayed:
    """Attached screen → performance: a message of the typing keyboard, and when its key was struck (monotonic seconds)."""

    data: bytes
    struck_at: float


@dataclass(frozen=True, slots=True)
class AskPorts:
    """Attached screen → performance: which ports are there?"""


@dataclass(frozen=True, slots=True)
class KnownPorts:
    """Performance → attached screen: the ports that exist; `error` says why there are none, if that is known."""

    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    error: str = ""


# --- with an engine on another machine: the guest is the machine that plays, the host is the one with the engine -------

REMOTE_PROTOCOL = 1  # raised by a change that an older program would misunderstand; new fields with a default are none


@dataclass(frozen=True, slots=True)
class Hello:
    """Guest → host: the first message. performance: a random name; it stays the same while connections are lost and made again.

    public_key: a guest that came with a token names its own key. Only fields with defaults may be added to Hello and TurnedAway, so
    that programs of all versions understand each other's greeting.
    """

    protocol: int
    program: str = ""
    name: str = ""
    performance: str = ""
    public_key: str = ""


@dataclass(frozen=True, slots=True)
class Welcome:
    """Host → guest: the engine is yours. paired: the guest's own key is known from now on."""

    program: str = ""
    paired: bool = False


@dataclass(frozen=True, slots=True)
class TurnedAway:
    """Host → guest: not now. reason: one line for the player."""

    reason: str = ""
    protocol: int = REMOTE_PROTOCOL


@dataclass(frozen=True, slots=True)
class Introduce:
    """Host → guest: the host does not know whose message that was (it was restarted). Say Hello again."""


@dataclass(frozen=True, slots=True)
class Ping:
    """Guest → host: a sign of life, to be answered at once."""

    number: int = 0


@dataclass(frozen=True, slots=True)
class Pong:
    """Host → guest: the answer to the Ping with this number."""

    number: int = 0


@dataclass(frozen=True, slots=True)
class Goodbye:
    """Guest → host: the performance is over, and another one may have the engine."""
