"""The events that a session receives. The player's commands are in `commands`, those of the engine in `engine_events`.

`Session.receive(event, now)` takes any of these; `now` is in seconds of one monotonic clock.
"""

from __future__ import annotations

from dataclasses import dataclass

from companion.midi.messages import Message
from companion.session.api.commands import Command, command
from companion.session.api.engine_events import (
    BarGenerated,
    CheckpointInfo,
    EngineEvent,
    EngineLost,
    EngineReady,
    GenerationFailed,
    GenerationFinished,
    LoadedSize,
    LoadFailed,
    NoteGenerated,
    SizeLost,
)
from companion.session.api.settings import ModelSettings, Sampling, TrackSettings


@dataclass(frozen=True, slots=True)
class MidiReceived:
    """A message came in at `port`; its arrival time is the `now` of the call."""

    port: str
    message: Message


@dataclass(frozen=True, slots=True)
class PortChanged:
    """A port was opened (connected) or vanished; direction "in" or "out".

    port: the name in `SendMidi.port` and `MidiReceived.port`. The default output is "".
    label: the device's own name, if `port` is another name. released: the port was closed on purpose and needs no warning.
    """

    port: str
    direction: str
    connected: bool
    label: str = ""
    released: bool = False


@dataclass(frozen=True, slots=True)
class MachineSlept:
    """The machine was suspended for this many seconds, which the session's clock did not count."""

    seconds: float


Event = MidiReceived | PortChanged | MachineSlept | Command | EngineEvent

__all__ = [
    "BarGenerated",
    "CheckpointInfo",
    "Command",
    "EngineEvent",
    "EngineLost",
    "EngineReady",
    "Event",
    "GenerationFailed",
    "GenerationFinished",
    "LoadFailed",
    "LoadedSize",
    "MachineSlept",
    "MidiReceived",
    "ModelSettings",
    "NoteGenerated",
    "PortChanged",
    "Sampling",
    "SizeLost",
    "TrackSettings",
    "command",
]
