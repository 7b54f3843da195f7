"""Commands whose argument is typed: "tempo 92", "bar 17", "checkpoint ghost". Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from companion.errors import CommandError
from companion.session.api.commands import command
from companion.tui.finder.actions import Action


@dataclass(frozen=True, slots=True)
class Typed:
    """A command with one argument that the player types. read: text to the argument; raises ValueError.

    words: how the command is typed. shown: the action as the palette shows it, with {} for the argument.
    """

    words: str
    shown: str
    name: str
    argument: str
    read: Callable[[str], Any]


def _counted_from_one(text: str) -> int:
    """Bars and entries are typed as they are shown, counted from 1."""
    return int(text) - 1


def _share(text: str) -> float:
    """ "80" percent is 0.8."""
    return int(text) / 100


TYPED: tuple[Typed, ...] = (
    Typed("tempo", "tempo {} BPM", "set_tempo", "bpm", float),
    Typed("bpm", "tempo {} BPM", "set_tempo", "bpm", float),
    Typed("intensity", "intensity {}", "set_intensity", "value", int),
    Typed("bar", "go to bar {}", "seek", "bar", _counted_from_one),
    Typed("go to bar", "go to bar {}", "seek", "bar", _counted_from_one),
    Typed("transpose", "transpose by {} semitones", "transpose", "semitones", int),
    Typed("practice tempo", "practice tempo {} %", "set_tempo_factor", "factor", _share),
    Typed("temperature", "temperature {}", "set_sampling", "temperature", float),
    Typed("top-p", "top-p {}", "set_sampling", "top_p", float),
    Typed("harmony", "harmony {}", "set_sampling", "harmony", float),
    Typed("variety", "variety {}", "set_sampling", "variety", float),
    Typed("follow dynamics", "follow dynamics {}", "follow_dynamics", "depth", float),
    Typed("wait", "wait {} bars", "wait", "bars", int),
    Typed("trade", "trade {} bars", "trade", "bars", int),
    Typed("break", "break of {} beats", "break", "beats", int),
    Typed("ending", "ending within {} bars", "ending", "bars", int),
    Typed("build", "build up over {} bars", "build", "bars", int),
    Typed("checkpoint", "checkpoint {}", "set_model", "checkpoint", str),
    Typed("store snapshot", "store snapshot {}", "store_snapshot", "name", str),
    Typed("entry", "entry {} of the set list", "choose_entry", "number", _counted_from_one),
    Typed("seed", "seed {}", "set_model", "seed", int),
)


def typed_actions(query: str) -> list[Action]:
    """The actions that a typed text means. One with an argument out of range says so."""
    found: list[Action] = []
    for entry in TYPED:
        match = re.fullmatch(rf"{re.escape(entry.words)}\s+(\S+)", query.strip(), re.IGNORECASE)
        if match is not None:
            found.append(_action(entry, match.group(1)))
    return found


def _action(entry: Typed, text: str) -> Action:
    shown = entry.shown.format(text)
    try:
        value = entry.read(text.replace(",", ".") if entry.read is float else text)
    except ValueError:
        return Action(shown, fault=f"{text} is not a {'whole ' if entry.read is not float else ''}number")
    try:
        return Action(shown, wishes=(command(entry.name, **{entry.argument: value}),))
    except CommandError as error:
        return Action(shown, fault=str(error))
