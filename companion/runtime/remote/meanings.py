"""What the arguments of an OSC message mean: readers of arguments, and meanings of addresses. Pure.

A meaning turns arguments into commands of the session, which check their own arguments. Tracks and bars count from 1, as on screen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from companion.errors import CommandError
from companion.music.text import printable
from companion.session.api.commands import Command, command
from companion.session.api.snapshot import Snapshot

Arguments = Sequence[Any]
Meaning = Callable[[Arguments, Snapshot | None], list[Command]]


@dataclass(frozen=True, slots=True)
class Address:
    """One address that is understood. arguments: their names and kinds, for the documentation."""

    path: str
    arguments: str
    help: str
    meaning: Meaning


def one_line(text: str, longest: int = 60) -> str:
    """Foreign text in one line of bounded length, control characters escaped."""
    escaped = printable(text[: longest + 1])
    return escaped if len(escaped) <= longest else escaped[: longest - 1] + "…"


# -- arguments ----------------------------------------------------------------------------------------------------------


def argument_at(arguments: Arguments, index: int, name: str) -> Any:
    """The argument at a place. Raises CommandError where it is missing."""
    if index >= len(arguments):
        raise CommandError(f"{name} is missing")
    return arguments[index]


def whole(value: Any, name: str) -> int:
    """A whole number, also one that came as a float. Raises CommandError."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not float(value).is_integer():
        raise CommandError(f"{name} is not a whole number")
    return int(value)


def number(value: Any, name: str) -> float:
    """A number. Raises CommandError."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise CommandError(f"{name} is not a number")
    return float(value)


def flag(arguments: Arguments, index: int) -> bool | None:
    """A switch: absent toggles it, otherwise 0 is off and anything else is on."""
    return None if index >= len(arguments) else bool(arguments[index])


def track(arguments: Arguments) -> int:
    """The first argument, a track counted from 1, as the session counts it. Raises CommandError."""
    counted = whole(argument_at(arguments, 0, "track"), "track")
    if counted < 1:
        raise CommandError("tracks count from 1")
    return counted - 1


# -- meanings -----------------------------------------------------------------------------------------------------------


def plain(name: str) -> Meaning:
    """A command without arguments."""
    return lambda arguments, snapshot: [command(name)]


def switch(name: str) -> Meaning:
    """A command that switches something on or off."""
    return lambda arguments, snapshot: [command(name, on=flag(arguments, 0))]


def track_switch(name: str) -> Meaning:
    """The same for a part."""
    return lambda arguments, snapshot: [command(name, track=track(arguments), on=flag(arguments, 1))]


def value(name: str, argument: str, read: Callable[[Any, str], Any]) -> Meaning:
    """A command with one value. read: `whole` or `number`."""
    return lambda arguments, snapshot: [
        command(name, **{argument: read(argument_at(arguments, 0, argument), argument)})
    ]


def sampling(field: str, read: Callable[[Any, str], Any]) -> Meaning:
    """One field of the sampling. read: `whole` or `number`."""
    return lambda arguments, snapshot: [
        command("set_sampling", **{field: read(argument_at(arguments, 0, field), field)})
    ]


def attribute(arguments: Arguments, snapshot: Snapshot | None) -> list[Command]:
    """A control of a part; a level below 0 frees it."""
    level = whole(argument_at(arguments, 2, "level"), "level")
    name = str(argument_at(arguments, 1, "name"))
    return [command("set_attribute", track=track(arguments), name=name, level=None if level < 0 else level)]


def program(arguments: Arguments, snapshot: Snapshot | None) -> list[Command]:
    """The instrument of a part, counted from 1."""
    counted = whole(argument_at(arguments, 1, "program"), "program")
    return [command("set_program", track=track(arguments), program=counted - 1)]


def track_value(name: str) -> Meaning:
    """A whole value of a part."""
    return lambda arguments, snapshot: [
        command(name, track=track(arguments), value=whole(argument_at(arguments, 1, "value"), "value"))
    ]


def seek(arguments: Arguments, snapshot: Snapshot | None) -> list[Command]:
    """A bar, counted from 1."""
    return [command("seek", bar=whole(argument_at(arguments, 0, "bar"), "bar") - 1)]


def meter(arguments: Arguments, snapshot: Snapshot | None) -> list[Command]:
    """A time signature."""
    top = whole(argument_at(arguments, 0, "numerator"), "numerator")
    bottom = whole(argument_at(arguments, 1, "denominator"), "denominator")
    return [command("set_time_signature", numerator=top, denominator=bottom)]


def placed(name: str) -> Meaning:
    """A call, with the place where it begins if one is given."""
    return lambda arguments, snapshot: [command(name, at=str(arguments[0])) if arguments else command(name)]


def intro(arguments: Arguments, snapshot: Snapshot | None) -> list[Command]:
    """The length of the intro; the next one where none is given."""
    return [command("intro", bars=whole(arguments[0], "bars")) if arguments else command("intro")]


def named(name: str) -> Meaning:
    """A number is a name, too: some senders know no text."""

    def meaning(arguments: Arguments, snapshot: Snapshot | None) -> list[Command]:
        given = argument_at(arguments, 0, "name")
        is_number = isinstance(given, float) and given.is_integer()
        return [command(name, name=str(int(given) if is_number else given))]

    return meaning


def entry(arguments: Arguments, snapshot: Snapshot | None) -> list[Command]:
    """An entry of the set list, counted from 1."""
    return [command("choose_entry", number=whole(argument_at(arguments, 0, "number"), "number") - 1)]


def break_call(arguments: Arguments, snapshot: Snapshot | None) -> list[Command]:
    """A break, with its length in beats if one is given."""
    return [command("break", beats=whole(arguments[0], "beats")) if arguments else command("break")]


def another_take(arguments: Arguments, snapshot: Snapshot | None) -> list[Command]:
    """Another take, of one part if one is given."""
    return [command("another_take", track=track(arguments)) if arguments else command("another_take")]


def any_command(arguments: Arguments, snapshot: Snapshot | None) -> list[Command]:
    """`/companion/do mute track 0 on 1`: any command by its name, with its arguments as pairs (counted from 0)."""
    name, pairs = str(argument_at(arguments, 0, "name")), list(arguments[1:])
    if len(pairs) % 2:
        raise CommandError("arguments come in pairs of name and value")
    return [command(name, **{str(key): value for key, value in zip(pairs[::2], pairs[1::2], strict=True)})]
