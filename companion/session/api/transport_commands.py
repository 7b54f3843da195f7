"""Commands for starting, stopping, tempo, meter and the metronome. See `commands`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from companion.errors import CommandError
from companion.session.api import limits
from companion.session.api.command_base import Bar, Command, Switch
from companion.session.api.settings import ClockSource


@dataclass(frozen=True, slots=True)
class Start(Command):
    """Start from the beginning, with the count-in."""


@dataclass(frozen=True, slots=True)
class Continue(Command):
    """Go on from where the music rests."""


@dataclass(frozen=True, slots=True)
class Stop(Command):
    """Stop and rest here."""


@dataclass(frozen=True, slots=True)
class Toggle(Command):
    """Stop, or go on."""


@dataclass(frozen=True, slots=True)
class Seek(Command):
    """Go to a bar of the song or, without a song, to a bar counted from the start."""

    bar: Bar


@dataclass(frozen=True, slots=True)
class Tap(Command):
    """Tap one beat of the tempo."""


@dataclass(frozen=True, slots=True)
class SetTempo(Command):
    """Set the tempo. With a song, this changes the share of the written tempo."""

    bpm: Annotated[float, limits.BPM]


@dataclass(frozen=True, slots=True)
class SetTempoFactor(Command):
    """Set the share of the written tempo."""

    factor: Annotated[float, limits.TEMPO_FACTOR]


@dataclass(frozen=True, slots=True)
class SetTimeSignature(Command):
    """Set the meter, from the next undecided bar on."""

    numerator: Annotated[int, limits.METER_NUMERATOR]
    denominator: Annotated[int, limits.METER_DENOMINATOR]

    def __post_init__(self) -> None:
        Command.__post_init__(self)
        if self.denominator & (self.denominator - 1):
            raise CommandError("set time signature: the denominator must be a power of two")


@dataclass(frozen=True, slots=True)
class SetClockSource(Command):
    """Choose the clock. The music stops."""

    source: ClockSource


@dataclass(frozen=True, slots=True)
class Click(Command):
    """Switch the metronome."""

    on: Switch = None


@dataclass(frozen=True, slots=True)
class Wait(Command):
    """Let the companion rest for this many bars, from the next one on."""

    bars: Annotated[int, limits.WAIT_BARS]
