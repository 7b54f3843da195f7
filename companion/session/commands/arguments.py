"""Arguments of commands, checked: what is wrong is said in words fit for a notice."""

from __future__ import annotations

import math
from dataclasses import fields, replace
from typing import Any

from companion.session.api.settings import ModelSettings, Sampling


class BadArgument(ValueError):
    """A command that cannot be obeyed; the text is the notice."""


def whole(name: str, value: Any, low: int, high: int) -> int:
    """A whole number within low..high."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise BadArgument(f"{name} must be a whole number")
    if not low <= value <= high:
        raise BadArgument(f"{name} must be from {low} to {high}")
    return value


def number(name: str, value: Any, low: float, high: float) -> float:
    """A number within low..high, not NaN."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value != value or math.isinf(value):
        raise BadArgument(f"{name} must be a number")
    if not low <= value <= high:
        raise BadArgument(f"{name} must be from {low:g} to {high:g}")
    return float(value)


def switch(on: Any, now_on: bool) -> bool:
    """On or off; None is the other way round than now."""
    return not now_on if on is None else bool(on)


def changed(settings: Any, changes: dict[str, Any]) -> Any:
    """Settings with some fields changed, all of which must exist."""
    assert isinstance(settings, (Sampling, ModelSettings))
    known = [item.name for item in fields(settings)]
    for name in changes:
        if name not in known:
            raise BadArgument(f"unknown field {name} (known: {', '.join(known)})")
    return replace(settings, **changes)
