"""A TOML table with a typed schema. Each key has a row with its type, how it becomes a setting, and how it is written.

msgspec checks types and bounds. An error is one line with the key and what is allowed. No particular key is known here;
the keys of presets are in `schema`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Literal

import msgspec

from companion.errors import ConfigError
from companion.session.api.limits import Limit


def _same(value: Any) -> Any:
    return value


@dataclass(frozen=True, slots=True, eq=False)
class Key:
    """One key of a table.

    field: the settings field it fills. type: what TOML may hold, as msgspec reads it. allowed: the same in words.
    read: the TOML value as a setting; raises ValueError where its format is wrong. write: the way back.
    """

    field: str
    type: Any
    allowed: str
    read: Callable[[Any], Any] = _same
    write: Callable[[Any], Any] = _same


def number_type(limit: Limit) -> Any:
    """The msgspec type of a number within a limit."""
    kind, cast = (int, int) if limit.whole else (float, float)
    # msgspec compares with 64-bit numbers only; larger bounds are no bounds in a TOML file.
    bounds: dict[str, Any] = {"ge": cast(limit.low)} | ({"le": cast(limit.high)} if limit.high < 2**63 - 1 else {})
    return Annotated[kind, msgspec.Meta(**bounds)]


def number(field: str, limit: Limit) -> Key:
    """A number within a limit."""
    return Key(field, number_type(limit), str(limit))


def text(field: str, allowed: str = "text") -> Key:
    """Any text."""
    return Key(field, str, allowed)


def flag(field: str) -> Key:
    """true or false."""
    return Key(field, bool, "true or false")


def choice(field: str, *names: str) -> Key:
    """One of these words."""
    return Key(field, Literal[names], " or ".join(f'"{name}"' for name in names))


class Schema:
    """The keys of one table."""

    def __init__(self, keys: Mapping[str, Key]) -> None:
        self.keys = dict(keys)

    @property
    def names(self) -> str:
        """All keys, for messages."""
        return ", ".join(self.keys)

    def read(self, table: Any, where: str) -> dict[str, Any]:
        """A TOML table as settings fields. ConfigError says where, which key, and what is allowed."""
        if not isinstance(table, Mapping):
            raise ConfigError(f"{where}: expected a table with {self.names}")
        if unknown := [name for name in table if name not in self.keys]:
            raise ConfigError(f"{where}: unknown key {unknown[0]!r} (allowed: {self.names})")
        try:
            typed = msgspec.convert(table, _struct(self))
        except msgspec.ValidationError as error:
            name = _key_in(str(error), table)
            raise _refusal(where, name, table[name], self.keys[name]) from None
        fields: dict[str, Any] = {}
        for position, (name, key) in enumerate(self.keys.items()):
            value = getattr(typed, f"key_{position}")
            if value is msgspec.UNSET:
                continue
            try:
                fields[key.field] = key.read(value)
            except ValueError as error:
                raise _refusal(where, name, table[name], key, str(error)) from None
        return fields

    def write(self, value: Any, default: Any) -> dict[str, Any]:
        """The keys of `value` that differ from `default`, as TOML values; None is left out, as TOML has no such value."""
        table: dict[str, Any] = {}
        for name, key in self.keys.items():
            current = getattr(value, key.field)
            if current != getattr(default, key.field, None) and current is not None:
                table[name] = key.write(current)
        return table


@cache
def _struct(schema: Schema) -> type[msgspec.Struct]:
    """The msgspec type of the table. Fields are numbered, since a key may be a Python keyword such as `in`."""
    rename = {f"key_{position}": name for position, name in enumerate(schema.keys)}
    fields = [
        (f"key_{position}", key.type | msgspec.UnsetType, msgspec.UNSET)
        for position, key in enumerate(schema.keys.values())
    ]
    return msgspec.defstruct("Table", fields, kw_only=True, rename=rename)


def _key_in(message: str, table: Mapping[str, Any]) -> str:
    """The key that a message of msgspec names: "… - at `$.bpm`" or "… - at `$.learned[...]`"."""
    found = re.search(r"at `(?:key in )?\$\.(.+)`$", message)
    path = found.group(1) if found else ""
    return max((name for name in table if path.startswith(name)), key=len)


def _refusal(where: str, name: str, value: Any, key: Key, detail: str = "") -> ConfigError:
    shown = repr(value)
    shown = shown if len(shown) <= 80 else shown[:79] + "…"
    return ConfigError(f"{where}: {name} = {shown} is not {key.allowed}{f' ({detail})' if detail else ''}")
