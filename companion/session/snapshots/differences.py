"""The commands that turn some settings into others, apart from lanes, tempo and song. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import fields
from typing import Any

from companion.session.api.calls import FollowDensity, FollowDynamics, Intro, SetIntensity, StayOutOfRegister
from companion.session.api.command_base import Command
from companion.session.api.model_commands import SetModel, SetRewriting
from companion.session.api.settings import ModelSettings, SessionSettings
from companion.session.api.setup_commands import Thru
from companion.session.api.song_commands import Answer, SetProgression, Trade
from companion.session.api.transport_commands import Click, SetTimeSignature

OF_THE_PERFORMANCE = ("seed",)  # fields of the model that stay as they are

# A setting that one command changes, and the command with a value of it.
Rule = tuple[Callable[[SessionSettings], Any], Callable[[Any], Command]]

# What decides how the coming bar is written, or is heard by nobody before that bar:
AT_ONCE: tuple[Rule, ...] = (
    (
        lambda settings: settings.clock.time_signature,
        lambda meter: SetTimeSignature(meter.numerator, meter.denominator),
    ),
    (lambda settings: (settings.chords.progression, settings.chords.loop), lambda chords: SetProgression(*chords)),
    (lambda settings: settings.rewrite, SetRewriting),
    (lambda settings: settings.thru, Thru),
    (lambda settings: settings.intro_bars, Intro),
    (lambda settings: settings.trading.trade_bars, Trade),
    (lambda settings: settings.trading.answer, Answer),
)
# What is heard at once, and therefore waits for the bar line:
AT_THE_LINE: tuple[Rule, ...] = (
    (lambda settings: settings.clock.click, Click),
    (lambda settings: settings.leading.intensity, SetIntensity),
    (lambda settings: settings.leading.follow_dynamics, FollowDynamics),
    (lambda settings: settings.leading.follow_density, FollowDensity),
    (lambda settings: settings.leading.stay_out_of_register, StayOutOfRegister),
)


def wishes_at_once(before: SessionSettings, after: SessionSettings) -> list[Command]:
    """The commands for the model and for `AT_ONCE`."""
    model = _changed_model(before.model, after.model)
    return [*([SetModel(**model)] if model else []), *_wishes(AT_ONCE, before, after)]


def wishes_at_the_line(before: SessionSettings, after: SessionSettings) -> list[Command]:
    """The commands for `AT_THE_LINE`."""
    return _wishes(AT_THE_LINE, before, after)


def _wishes(rules: Iterable[Rule], before: SessionSettings, after: SessionSettings) -> list[Command]:
    return [make(read(after)) for read, make in rules if read(after) != read(before)]


def _changed_model(before: ModelSettings, after: ModelSettings) -> dict[str, Any]:
    names = (field.name for field in fields(ModelSettings) if field.name not in OF_THE_PERFORMANCE)
    return {name: getattr(after, name) for name in names if getattr(after, name) != getattr(before, name)}
