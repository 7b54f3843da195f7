"""Commands for thru, latency, learned controls and takes. See `commands`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from companion.session.api import limits
from companion.session.api.command_base import Command, Switch


@dataclass(frozen=True, slots=True)
class Thru(Command):
    """Set whether incoming notes are passed on to the output."""

    on: Switch = None


@dataclass(frozen=True, slots=True)
class SetLatency(Command):
    """Set the latency of an output port ("" is the default output). With a positive latency, messages are sent earlier."""

    port: str
    seconds: Annotated[float, limits.LATENCY_SECONDS]


@dataclass(frozen=True, slots=True)
class Record(Command):
    """Begin or end a take."""

    on: Switch = None
