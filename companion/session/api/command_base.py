"""The base of every command: a frozen value. Its arguments are checked against the types of its fields when it is made."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import cache
from typing import Annotated, Any, ClassVar, Literal, get_args, get_origin, get_type_hints

from companion.errors import CommandError
from companion.session.api import limits
from companion.session.api.limits import Limit

Track = Annotated[int, limits.TRACK]
Bar = Annotated[int, limits.BAR]
Switch = bool | None


@dataclass(frozen=True, slots=True)
class Command:
    """A player's wish. `command_name` is the name of its class in small letters: "set_tempo" for SetTempo."""

    command_name: ClassVar[str] = ""

    def __init_subclass__(cls) -> None:
        cls.command_name = re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()

    def __post_init__(self) -> None:
        for field_name, fault_of in _checks(type(self)):
            if fault := fault_of(getattr(self, field_name)):
                raise CommandError(f"{spoken(self.command_name)}: {field_name} {fault}")


@dataclass(frozen=True, slots=True)
class Refused(Command):
    """A wish from a log, a learned control or the network that could not be made into a command. The session shows the reason."""

    reason: str


def spoken(command_name: str) -> str:
    """Return a command's name as notices write it."""
    return command_name.replace("_", " ")


# --- checks ------------------------------------------------------------------------------------------------------------

Check = Callable[[Any], str]  # takes a value and returns what is wrong with it, "" if nothing is


@cache
def _checks(kind: type[Command]) -> tuple[tuple[str, Check], ...]:
    hints = get_type_hints(kind, include_extras=True)
    return tuple((field.name, _check_of(hints[field.name])) for field in fields(kind))


def _check_of(hint: Any) -> Check:
    """Return the check for a field's type: a limit, a choice or a class, or one of these or None."""
    options = get_args(hint)
    if get_origin(hint) is Annotated:
        return options[1].fault if isinstance(options[1], Limit) else _one_of(options[1])
    if get_origin(hint) is Literal:
        return _one_of(options)
    if type(None) in options:
        (inner,) = (_check_of(option) for option in options if option is not type(None))
        return lambda value: "" if value is None else inner(value)
    words = {bool: "must be true or false", str: "must be text"}.get(hint, f"must be {hint.__name__}")
    return lambda value: "" if isinstance(value, hint) else words


def _one_of(choices: tuple[str, ...]) -> Check:
    return lambda value: "" if value in choices else f"must be {', '.join(choices[:-1])} or {choices[-1]}"
