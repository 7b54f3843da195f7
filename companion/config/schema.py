"""What may stand in a preset: one table of keys, each with how to read it, how to write it and what it allows.

Files speak as musicians do (channels 1-16, bars from 1, latency in milliseconds, instruments by name); settings speak
Python (channels 0-15, bars from 0, seconds, programs 0-127).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from companion.errors import ConfigError
from companion.music import TimeSignature
from companion.music.instruments import GM_PROGRAMS, find_program
from companion.session.api import limits
from companion.session.api.limits import Limit


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a table: the settings field it fills, and the two directions."""

    field: str
    read: Callable[[Any], Any]
    allowed: str
    write: Callable[[Any], Any] = lambda value: value


def _number(limit: Limit) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        if limit.fault(value):
            raise ValueError
        return value if limit.whole else float(value)

    return read


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError
    return value


def _choice(*names: str) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        if value not in names:
            raise ValueError
        return value

    return read


def number(field: str, limit: Limit) -> Key:
    """A number within a limit."""
    return Key(field, _number(limit), str(limit))


def text(field: str, allowed: str = "text") -> Key:
    """Any text."""
    return Key(field, _text, allowed)


def flag(field: str) -> Key:
    """true or false."""
    return Key(field, _flag, "true or false")


def choice(field: str, *names: str) -> Key:
    """One of these words."""
    return Key(field, _choice(*names), " or ".join(f'"{name}"' for name in names))


def _program(value: Any) -> int:
    return find_program(str(value)) if isinstance(value, (int, str)) and not isinstance(value, bool) else _bad()


def _bad() -> Any:
    raise ValueError


def _channel(value: Any) -> int | None:
    return None if value == "any" else _number(limits.whole(1, 16))(value) - 1


def read_bar_range(value: Any) -> tuple[int, int]:
    """ "9-16" (bars from 1, both included) → (8, 16), from 0 and half open; a single bar is a range too."""
    first, _, last = _text(value).partition("-")
    start, end = int(first) - 1, int(last or first)
    if not 0 <= start < end:
        raise ValueError
    return start, end


def write_bar_range(value: tuple[int, int]) -> str:
    """The inverse of `read_bar_range`."""
    return f"{value[0] + 1}-{value[1]}"


def read_percent(value: Any) -> float:
    """ "80%" or 0.8 → 0.8; 10 % to 400 %."""
    factor = float(value[:-1]) / 100 if isinstance(value, str) and value.endswith("%") else value
    return _number(limits.TEMPO_FACTOR)(factor)


def read_trainer(value: Any) -> tuple[float, float, float]:
    """ "70:110:+4" (percent: from, to, step a pass) → (0.7, 1.1, 0.04)."""
    start, end, step = (float(part.strip().rstrip("%")) / 100 for part in _text(value).split(":"))
    if limits.TEMPO_FACTOR.fault(start) or limits.TEMPO_FACTOR.fault(end) or not step:
        raise ValueError
    return start, end, step


def _milliseconds(value: Any) -> dict[str, float]:
    if not isinstance(value, Mapping):
        raise ValueError
    return {str(port): _number(limits.LATENCY_SECONDS)(latency / 1000) for port, latency in value.items()}


def _levels(value: Any) -> dict[str, int]:
    if not isinstance(value, Mapping):
        raise ValueError
    return {str(name): _number(limits.LEVEL)(level) for name, level in value.items()}


def _learned(value: Any) -> dict[str, str]:
    """Foot switches and pads; channels count from 1 in files, from 0 in a session."""
    if not isinstance(value, Mapping):
        raise ValueError
    return {_control(_text(control), -1): _text(action) for control, action in value.items()}


def _shown_learned(learned: Mapping[str, str]) -> dict[str, str]:
    return {_control(control, 1): action for control, action in learned.items()}


def _control(name: str, by: int) -> str:
    match = re.fullmatch(r"(cc|note):(\d{1,3})@(\d{1,2})", name)
    if not match or int(match.group(2)) > 127 or not 0 <= int(match.group(3)) + by <= 16 - (by < 0):
        raise ValueError
    return f"{match.group(1)}:{match.group(2)}@{int(match.group(3)) + by}"


LATENCY = "a table of port = milliseconds, -500 to 500"

TRACK: dict[str, Key] = {
    "name": text("name"),
    "role": choice("role", *limits.ROLES),
    "program": Key("program", _program, "an instrument's name or a number from 1 to 128", GM_PROGRAMS.__getitem__),
    "drums": flag("is_drum"),
    "channel": Key("channel", _channel, '1 to 16, or "any"', lambda value: "any" if value is None else value + 1),
    "input": text("input_port", "part of a port's name"),
    "output": text("output_port", "part of a port's name"),
    "attributes": Key("attributes", _levels, "a table of control = level", dict),
    "muted": flag("muted"),
    "solo": flag("solo"),
    "song_track": number("song_track", limits.SONG_TRACK),
}
CLOCK: dict[str, Key] = {
    "source": choice("source", *limits.CLOCK_SOURCES),
    "bpm": number("bpm", limits.BPM),
    "meter": Key("time_signature", lambda value: TimeSignature.parse(_text(value)), "a meter such as 4/4", str),
    "count_in": number("count_in_bars", limits.COUNT_IN_BARS),
    "click": flag("click"),
    "click_channel": Key("click_channel", lambda v: _number(limits.whole(1, 16))(v) - 1, "1 to 16", lambda v: v + 1),
    "send_clock": flag("send_clock"),
}
SAMPLING: dict[str, Key] = {
    "temperature": number("temperature", limits.TEMPERATURE),
    "top_p": number("top_p", limits.TOP_P),
    "top_k": number("top_k", limits.TOP_K),
    "mask_p": number("mask_p", limits.MASK_P),
    "mask_k": number("mask_k", limits.MASK_K),
    "polyphony_limit": number("polyphony_hard_limit", limits.POLYPHONY_LIMIT),
    "density_limit": number("density_hard_limit", limits.DENSITY_LIMIT),
    "allow_rests": flag("allow_rests"),
    "harmony": number("harmony", limits.HARMONY),
    "variety": number("variety", limits.VARIETY),
}
MODEL: dict[str, Key] = {
    "checkpoint": text("checkpoint", "a checkpoint's name or file"),
    "engine": choice("engine", *limits.ENGINES),
    "model_dim": number("model_dim", limits.MODEL_DIM),
    "mask_mode": choice("mask_mode", *limits.MASK_MODES),
    "seed": number("seed", limits.SEED),
    "takes": number("takes", limits.TAKES),
}
PRACTICE: dict[str, Key] = {
    "tempo": Key("tempo_factor", read_percent, 'a share such as "80%", 10 to 400 %', lambda v: f"{100 * v:g}%"),
    "transpose": number("transpose", limits.TRANSPOSE_SEMITONES),
    "loop": Key("loop", read_bar_range, 'bars such as "9-16"', write_bar_range),
    "trainer": Key(
        "trainer",
        read_trainer,
        'from, to and step in percent, such as "70:110:+4"',
        lambda v: f"{100 * v[0]:g}:{100 * v[1]:g}:{100 * v[2]:+g}",
    ),
    "trainer_needs_accuracy": number("trainer_needs_accuracy", limits.SHARE),
    "key_step": number("key_step", limits.KEY_STEP_SEMITONES),
    "guide": flag("guide"),
    "keep_fills": flag("keep_fills"),
}
TRADING: dict[str, Key] = {
    "bars": number("trade_bars", limits.TRADE_BARS),
    "answer": flag("answer"),
    "solo_track": text("solo_track", "a track's name"),
}
SESSION: dict[str, Key] = {
    "wait_bars": number("wait_bars", limits.WAIT_BARS),
    "lead_floor_ms": Key(
        "lead_floor_seconds",
        lambda v: _number(limits.LEAD_FLOOR_SECONDS)(v / 1000),
        "milliseconds, 0 to 2000",
        lambda v: v * 1000,
    ),
    "lead_margin": number("lead_margin", limits.LEAD_MARGIN),
    "thru": flag("thru"),
    "output_latency_ms": Key(
        "output_latency_seconds", _milliseconds, LATENCY, lambda v: {port: s * 1000 for port, s in v.items()}
    ),
    "input_latency_ms": Key(
        "input_latency_seconds", _milliseconds, LATENCY, lambda v: {port: s * 1000 for port, s in v.items()}
    ),
    "learned": Key(
        "learned", _learned, 'a table of "cc:64@1" or "note:36@10" (number@channel, from 1) = action', _shown_learned
    ),
}
PORTS: dict[str, Key] = {
    "in": text("input", "part of a port's name"),
    "out": text("output", "part of a port's name"),
}


def read_table(table: Any, keys: Mapping[str, Key], where: str) -> dict[str, Any]:
    """A TOML table as settings fields; ConfigError names file, key and what is allowed."""
    if not isinstance(table, Mapping):
        raise ConfigError(f"{where}: expected a table with {', '.join(keys)}")
    fields: dict[str, Any] = {}
    for name, value in table.items():
        key = keys.get(name)
        if key is None:
            raise ConfigError(f"{where}: unknown key {name!r} (allowed: {', '.join(keys)})")
        try:
            fields[key.field] = key.read(value)
        except (ValueError, TypeError) as error:
            detail = f" ({error})" if str(error) and key.field == "program" else ""
            raise ConfigError(f"{where}: {name} = {value!r} is not {key.allowed}{detail}") from None
    return fields


def write_table(value: Any, keys: Mapping[str, Key], default: Any) -> dict[str, Any]:
    """The keys of `value` that differ from `default`, as TOML values; None is left out, as TOML has no such value."""
    table: dict[str, Any] = {}
    for name, key in keys.items():
        current = getattr(value, key.field)
        if current == getattr(default, key.field, None) or current is None:
            continue
        table[name] = key.write(current)
    return table
