"""The commands that turn some settings into others, apart from lanes, tempo and song. Pure."""

from __future__ import annotations

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


def wishes_at_once(before: SessionSettings, after: SessionSettings) -> list[Command]:
    """What decides how the coming bar is written, or is heard by nobody before that bar."""
    wishes: list[Command] = []
    model = _changed_model(before.model, after.model)
    if model:
        wishes.append(SetModel(**model))
    meter = after.clock.time_signature
    if meter != before.clock.time_signature:
        wishes.append(SetTimeSignature(meter.numerator, meter.denominator))
    chords = after.chords
    if (chords.progression, chords.loop) != (before.chords.progression, before.chords.loop):
        wishes.append(SetProgression(chords.progression, chords.loop))
    if after.rewrite != before.rewrite:
        wishes.append(SetRewriting(after.rewrite))
    if after.thru != before.thru:
        wishes.append(Thru(after.thru))
    if after.intro_bars != before.intro_bars:
        wishes.append(Intro(after.intro_bars))
    if after.trading.trade_bars != before.trading.trade_bars:
        wishes.append(Trade(after.trading.trade_bars))
    if after.trading.answer != before.trading.answer:
        wishes.append(Answer(after.trading.answer))
    return wishes


def wishes_at_the_line(before: SessionSettings, after: SessionSettings) -> list[Command]:
    """What is heard at once, and therefore waits for the bar line."""
    wishes: list[Command] = []
    if after.clock.click != before.clock.click:
        wishes.append(Click(after.clock.click))
    if after.leading.intensity != before.leading.intensity:
        wishes.append(SetIntensity(after.leading.intensity))
    if after.leading.follow_dynamics != before.leading.follow_dynamics:
        wishes.append(FollowDynamics(after.leading.follow_dynamics))
    if after.leading.follow_density != before.leading.follow_density:
        wishes.append(FollowDensity(after.leading.follow_density))
    if after.leading.stay_out_of_register != before.leading.stay_out_of_register:
        wishes.append(StayOutOfRegister(after.leading.stay_out_of_register))
    return wishes


def _changed_model(before: ModelSettings, after: ModelSettings) -> dict[str, Any]:
    names = (field.name for field in fields(ModelSettings) if field.name not in OF_THE_PERFORMANCE)
    return {name: getattr(after, name) for name in names if getattr(after, name) != getattr(before, name)}
