"""Commands for lanes: silence, instruments, levels, attributes, roles. See `commands`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from companion.session.api import limits
from companion.session.api.command_base import Command, Switch, Track
from companion.session.api.settings import Role, TrackSettings


@dataclass(frozen=True, slots=True)
class Panic(Command):
    """Silence everything, on every channel used."""


@dataclass(frozen=True, slots=True)
class Mute(Command):
    """Silence a lane at once."""

    track: Track
    on: Switch = None


@dataclass(frozen=True, slots=True)
class Solo(Command):
    """Let only this lane and other soloed lanes sound."""

    track: Track
    on: Switch = None


@dataclass(frozen=True, slots=True)
class SetProgram(Command):
    """Choose another instrument, 0-127."""

    track: Track
    program: Annotated[int, limits.PROGRAM]


@dataclass(frozen=True, slots=True)
class SetVolume(Command):
    """Set a lane's volume on its output, 0-127."""

    track: Track
    value: Annotated[int, limits.MIX]


@dataclass(frozen=True, slots=True)
class SetPan(Command):
    """Set a lane's place between left (0) and right (127) on its output; 64 is the middle."""

    track: Track
    value: Annotated[int, limits.MIX]


@dataclass(frozen=True, slots=True)
class SetAttribute(Command):
    """Set a control of the model for one lane; None lets the model decide."""

    track: Track
    name: str
    level: Annotated[int, limits.LEVEL] | None = None


@dataclass(frozen=True, slots=True)
class SetRole(Command):
    """Give a lane another role."""

    track: Track
    role: Role


@dataclass(frozen=True, slots=True)
class AddTrack(Command):
    """Add a lane."""

    settings: TrackSettings


@dataclass(frozen=True, slots=True)
class RemoveTrack(Command):
    """Remove a lane. The others keep their numbers."""

    track: Track
