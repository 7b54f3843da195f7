"""Calls to the whole band while it plays. Each takes effect at a musical place and can be cancelled until then."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from companion.session.api import limits
from companion.session.api.command_base import Command

Place = Literal["now", "beat", "bar", "section"]
Switch = bool | None


@dataclass(frozen=True, slots=True)
class Fill(Command):
    """The drums fill: the rest of this bar, the next bar, or the last bar before the next section."""

    at: Place = "bar"


@dataclass(frozen=True, slots=True)
class Break(Command):
    """The band stops for at least this many beats (quarter notes), and comes back on the first beat of a bar."""

    beats: Annotated[int, limits.BREAK_BEATS] = 4
    at: Place = "beat"


@dataclass(frozen=True, slots=True)
class Ending(Command):
    """A cadence and a last chord within this many bars, beginning with the next one; then the music stops."""

    bars: Annotated[int, limits.ENDING_BARS] = 2


@dataclass(frozen=True, slots=True)
class Intro(Command):
    """This many bars of rhythm before the first bar of the next start; 0 for none, None switches between two and none."""

    bars: Annotated[int, limits.INTRO_BARS] | None = None


@dataclass(frozen=True, slots=True)
class DrumsOnly(Command):
    """Everyone but the drums drops out, from the next bar on."""

    on: Switch = None


@dataclass(frozen=True, slots=True)
class SoloForMe(Command):
    """The band thins out and plays softer, so that the player's solo is heard, from the next bar on."""

    on: Switch = None


@dataclass(frozen=True, slots=True)
class HalfTime(Command):
    """The drums play in half time from the next bar on."""

    on: Switch = None


@dataclass(frozen=True, slots=True)
class DoubleTime(Command):
    """The drums play in double time from the next bar on."""

    on: Switch = None


@dataclass(frozen=True, slots=True)
class Build(Command):
    """Intensity rises to full within this many bars."""

    bars: Annotated[int, limits.BUILD_BARS] = 4


@dataclass(frozen=True, slots=True)
class Drop(Command):
    """Intensity falls to low on the next bar."""


@dataclass(frozen=True, slots=True)
class CancelCall(Command):
    """Cancel the last call that has not begun."""


@dataclass(frozen=True, slots=True)
class SetIntensity(Command):
    """How intensely the whole band plays, 0 to 100; 50 leaves everything as it is."""

    value: Annotated[int, limits.INTENSITY]


@dataclass(frozen=True, slots=True)
class FollowDynamics(Command):
    """How far the band's loudness follows the player's: 0 = not at all, 1 = all the way."""

    depth: Annotated[float, limits.SHARE]


@dataclass(frozen=True, slots=True)
class FollowDensity(Command):
    """How far the band's density follows the player's: 1 = as busy as the player, 0 = not at all, -1 = busy where the player rests."""

    depth: Annotated[float, limits.SIGNED_SHARE]


@dataclass(frozen=True, slots=True)
class StayOutOfRegister(Command):
    """How far the band's pitched parts stay out of the octaves in which the player plays: 0 = not at all, 1 = all the way."""

    depth: Annotated[float, limits.SHARE]
