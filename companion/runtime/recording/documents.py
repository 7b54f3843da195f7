"""Frozen dataclasses ↔ JSON, for the black box.

Every value of the session's language (events, settings, music) is written as {"_": class name, field: value…}, with fields
that equal their default left out, and read back as an equal value. Tuples become lists and lists are read as tuples.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from functools import cache
from types import ModuleType
from typing import Any

from companion.harmony import spans, symbols
from companion.midi import messages
from companion.music import meter, score
from companion.session.api import commands, effects, events, settings

_MODULES = (meter, score, symbols, spans, messages, settings, commands, events, effects)


def dataclasses_of(*modules: ModuleType) -> list[type]:
    """The dataclasses that modules have, their own and imported ones."""
    found = {value for module in modules for value in vars(module).values() if isinstance(value, type)}
    return [value for value in found if dataclasses.is_dataclass(value)]


@cache
def _classes() -> dict[str, type]:
    kinds = (*dataclasses_of(*_MODULES), *commands.COMMANDS.values())
    return {kind.__name__: kind for kind in kinds}


@cache
def _fields(kind: type) -> tuple[tuple[str, Any], ...]:
    """(name, default) of each field; MISSING where there is none or where it is made by a factory."""
    return tuple((field.name, field.default) for field in dataclasses.fields(kind))


def to_json(value: Any) -> Any:
    """`value` in a form that the json module writes. Raises TypeError for a type that is not ours."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (tuple, list)):
        return [to_json(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): to_json(item) for key, item in value.items()}
    if dataclasses.is_dataclass(value):
        document: dict[str, Any] = {"_": type(value).__name__}
        for name, default in _fields(type(value)):
            item = getattr(value, name)
            if item is not default and item != default:
                document[name] = to_json(item)
        return document
    raise TypeError(f"no record for {type(value).__name__}")


def from_json(value: Any) -> Any:
    """The inverse of `to_json`; raises ValueError for a class or field that does not exist."""
    if isinstance(value, list):
        return tuple(from_json(item) for item in value)
    if not isinstance(value, dict):
        return value
    name = value.get("_")
    if name is None:
        return {key: from_json(item) for key, item in value.items()}
    if name == "Command":
        # Before commands were types, the log had their names and arguments, right or wrong.
        given = {key: from_json(item) for key, item in value.get("arguments", ())}
        return commands.attempt(commands.command, value["name"], **given)
    kind = _classes().get(name)
    if kind is None:
        raise ValueError(f"unknown record {name!r}")
    try:
        return kind(**{key: from_json(item) for key, item in value.items() if key != "_"})
    except TypeError as error:
        raise ValueError(f"{name}: {error}") from None
