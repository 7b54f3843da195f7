"""Commands for knobs and for zones of a keyboard. See `commands`."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Annotated

from companion.errors import CommandError, UsageError
from companion.session.api import limits
from companion.session.api.command_base import Command, Switch, Track
from companion.session.api.dials import dial_named
from companion.session.api.settings import Zone


@dataclass(frozen=True, slots=True)
class LearnDial(Command):
    """Bind this dial to the next knob, pedal or wheel that moves; "" cancels. track: for the dial of a part."""

    dial: str
    track: Track | None = None

    def __post_init__(self) -> None:
        Command.__post_init__(self)
        try:
            _ = self.dial and dial_named(self.dial, self.track)
        except UsageError as error:
            raise CommandError(f"learn dial: {error}") from None


@dataclass(frozen=True, slots=True)
class SetKnob(Command):
    """Change how a learned knob turns its dial; None leaves a field as it is. control: its name, such as "cc:74@0".

    low, high: the dial's values at the knob's lower and upper end; the lower end may have the higher value. curve: see `Knob`.
    pickup: whether the dial stays where it is until the knob passes its present value.
    """

    control: str
    low: Annotated[float, limits.DIAL_VALUE] | None = None
    high: Annotated[float, limits.DIAL_VALUE] | None = None
    curve: Annotated[str, limits.CURVES] | None = None
    pickup: Switch = None


@dataclass(frozen=True, slots=True)
class ForgetControl(Command):
    """Unbind a learned switch or knob; it sounds or is passed on as before."""

    control: str


@dataclass(frozen=True, slots=True)
class SetZone(Command):
    """Set a zone of a keyboard, which replaces the zone with the same name; see `Zone`. Keys that are down end where they began."""

    name: str
    low: Annotated[int, limits.KEY] = 0
    high: Annotated[int, limits.KEY] = 127
    track: Track | None = None
    controls: bool = False
    thru: Switch = None
    transpose: Annotated[int, limits.ZONE_TRANSPOSE] = 0
    channel: Annotated[int, limits.CHANNEL] | None = None
    velocity_low: Annotated[int, limits.VELOCITY] = 1
    velocity_high: Annotated[int, limits.VELOCITY] = 127
    port: str = ""

    @property
    def zone(self) -> Zone:
        """The zone itself."""
        return Zone(**{field.name: getattr(self, field.name) for field in fields(self)})


@dataclass(frozen=True, slots=True)
class RemoveZone(Command):
    """Remove a zone by its name."""

    name: str
