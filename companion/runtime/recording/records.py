"""What the log of a performance holds: one frozen class for each kind of record.

A log has every call of the session with its time, in order, and everything that the session sent, so that the performance can be
played again note for note. Times are seconds of the realtime process's monotonic clock. How a record looks in the file is the
business of `log_lines`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from companion.midi.messages import Message
from companion.music import TimeSignature
from companion.session.api.effects import FrontEffect
from companion.session.api.events import Event

SCHEMA_VERSION = 2
READABLE_VERSIONS = (1, 2)  # 1: commands were names with arguments; nothing was dropped from a flood


@dataclass(frozen=True, slots=True)
class MidiArrived:
    """A MIDI message came in at a port."""

    seconds: float
    port: str
    message: Message


@dataclass(frozen=True, slots=True)
class EventReceived:
    """The session received any other event."""

    seconds: float
    event: Event


@dataclass(frozen=True, slots=True)
class TimerRan:
    """The session did what was due."""

    seconds: float


@dataclass(frozen=True, slots=True)
class SessionClosed:
    """The session was closed and ended its notes."""

    seconds: float


@dataclass(frozen=True, slots=True)
class MessageSent:
    """The session sent a message; the fields are those of `SendMidi`. left_seconds: None where no port was there to take it."""

    left_seconds: float | None
    port: str
    message: Message
    due_seconds: float
    source: int = -1
    position_beats: float | None = None


@dataclass(frozen=True, slots=True)
class ForgottenNoteEnded:
    """A note-off for a note that the session left sounding at its end. There should be none. Fields as in `MessageSent`."""

    left_seconds: float | None
    port: str
    message: Message
    due_seconds: float
    source: int = -1
    position_beats: float | None = None


@dataclass(frozen=True, slots=True)
class BarsRequested:
    """A job went to the engine; targets: (track, bar) within the window, tracks: the session's lanes by window track.

    from_beat: where the sounding bar is rewritten from, in quarter notes from its line; 0 for a whole bar.
    """

    seconds: float
    request_id: int
    seed: int
    mask_mode: str
    bar_count: int
    targets: tuple[tuple[int, int], ...]
    tracks: tuple[int, ...]
    from_beat: float = 0.0


@dataclass(frozen=True, slots=True)
class PrefillRequested:
    """The known part of a coming request was sent to the engine."""

    seconds: float
    request_id: int


@dataclass(frozen=True, slots=True)
class Mark:
    """Where the music was: a point of the tempo map. bar counts from 0 over the whole session, beat from 0 in quarter notes."""

    seconds: float
    state: str
    bpm: float
    bar: int
    beat: float
    position: float
    meter: TimeSignature


@dataclass(frozen=True, slots=True)
class PlayerBegan:
    """A recorded player begins; start_seconds and bpm are their master's clock without its jitter."""

    seconds: float
    start_seconds: float
    bpm: float


@dataclass(frozen=True, slots=True)
class FrontTold:
    """The session sent a notice to the player."""

    seconds: float
    notice: FrontEffect


@dataclass(frozen=True, slots=True)
class Remark:
    """A process began or ended, a turn of the loop was slow, a port is waited for."""

    seconds: float
    text: str


@dataclass(frozen=True, slots=True)
class FaultPassedOver:
    """An exception in the session that did not end the music."""

    seconds: float
    traceback: str


@dataclass(frozen=True, slots=True)
class InputDropped:
    """So many messages of a flood were not passed to the session."""

    seconds: float
    port: str
    count: int


@dataclass(frozen=True, slots=True)
class PerformanceEnded:
    """The last record: the numbers of the whole."""

    seconds: float
    summary: Mapping[str, Any]


Record = (
    MidiArrived
    | EventReceived
    | TimerRan
    | SessionClosed
    | MessageSent
    | ForgottenNoteEnded
    | BarsRequested
    | PrefillRequested
    | Mark
    | PlayerBegan
    | FrontTold
    | Remark
    | FaultPassedOver
    | InputDropped
    | PerformanceEnded
)
