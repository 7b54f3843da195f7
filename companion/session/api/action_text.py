"""The arguments of a learned action as text: "2" of "mute:2", "verse" of "recall:verse", "temperature=0.8" of "set_sampling:…".

Arguments follow the command's fields in order, with commas between them, or are named: "name=value". The last field of a command
takes the rest of the text, commas included, if it holds text. Tracks and bars count from 0, as everywhere in a session.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import fields
from functools import cache
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from companion.errors import CommandError

_SWITCHES = {"on": True, "true": True, "yes": True, "off": False, "false": False, "no": False}
Reader = Callable[[str], Any]  # takes the text of one argument; ValueError if it cannot be read


@cache
def _readers(kind: type) -> tuple[tuple[str, Reader], ...]:
    """Each field of a command with the reader of its text, in order."""
    hints = get_type_hints(kind, include_extras=True)
    return tuple((field.name, _reader_of(hints[field.name])) for field in fields(kind))


def arguments_of_text(kind: type, spoken_name: str, text: str) -> dict[str, Any]:
    """Return the arguments that an action's text gives to a command of this class. Raises CommandError."""
    readers = dict(_readers(kind))
    names = list(readers)
    if not names:
        raise CommandError(f"{spoken_name}: {text!r} is one argument too many (it has none)")
    found: dict[str, Any] = {}
    for part in _parts(text, names, kind):
        name, value = _named(part, names) or (next((name for name in names if name not in found), ""), part)
        if not name:
            raise CommandError(f"{spoken_name}: {part!r} is one argument too many (known: {', '.join(names)})")
        try:
            found[name] = readers[name](value.strip())
        except ValueError as error:
            raise CommandError(f"{spoken_name}: {name} = {value.strip()!r} is not {error}") from None
    return found


def _parts(text: str, names: Sequence[str], kind: type) -> list[str]:
    """Split the text at its commas. A last field of text keeps its own."""
    last_is_text = _readers(kind)[-1][1] is _text
    return text.split(",", len(names) - 1) if last_is_text else text.split(",")


def _named(part: str, names: Sequence[str]) -> tuple[str, str] | None:
    """(name, value) of "name=value", if the name is one of the fields."""
    match = re.match(r"\s*(\w+)\s*=", part)
    return (match.group(1), part[match.end() :]) if match and match.group(1) in names else None


# -- readers of one argument ----------------------------------------------------------------------------------------------


def _reader_of(hint: Any) -> Reader:
    options = get_args(hint)
    if get_origin(hint) is Annotated:
        return _reader_of(options[0])
    if get_origin(hint) is Literal:
        return _text
    if type(None) in options:
        (inner,) = (_reader_of(option) for option in options if option is not type(None))
        return lambda text: None if text in ("none", "") else inner(text)
    return {bool: _switch, int: _whole, float: _number, str: _text}.get(hint, _unspeakable)


def _text(text: str) -> str:
    return text


def _switch(text: str) -> bool:
    if text not in _SWITCHES:
        raise ValueError("on or off")
    return _SWITCHES[text]


def _whole(text: str) -> int:
    if not re.fullmatch(r"[+-]?\d{1,9}", text):
        raise ValueError("a whole number")
    return int(text)


def _number(text: str) -> float:
    if not re.fullmatch(r"[+-]?(\d{1,9}(\.\d*)?|\.\d+)", text):
        raise ValueError("a number")
    return float(text)


def _unspeakable(text: str) -> Any:
    raise ValueError("something that an action can say")
