"""Commands for knobs: which dial each turns, over which range, by which curve. See `commands`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from companion.errors import CommandError, UsageError
from companion.session.api import limits
from companion.session.api.command_base import Command, Switch, Track
from companion.session.api.dials import dial_named


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
