"""How single values are written in presets and set lists: bars, percents, keys, zones, switches. Each can be read and written back."""

from __future__ import annotations

import re
from collections.abc import Mapping

from companion.errors import CommandError, UsageError
from companion.music.units import read_pitch
from companion.session.api import limits
from companion.session.api.commands import command_of_action
from companion.session.api.control_names import moved
from companion.session.api.engine_names import engine_fault
from companion.session.api.settings import ChordZone


def read_bar_range(value: str) -> tuple[int, int]:
    """ "9-16" (bars from 1, both included) → (8, 16), from 0 and half open; a single bar is a range too. Raises ValueError."""
    first, _, last = value.partition("-")
    start, end = int(first) - 1, int(last or first)
    if not 0 <= start < end:
        raise ValueError
    return start, end


def write_bar_range(value: tuple[int, int]) -> str:
    """The inverse of `read_bar_range`."""
    return f"{value[0] + 1}-{value[1]}"


def read_percent(value: str | float) -> float:
    """ "80%" or 0.8 → 0.8; 10 % to 400 %. Raises ValueError."""
    factor = float(value.removesuffix("%")) / 100 if isinstance(value, str) else float(value)
    if limits.TEMPO_FACTOR.fault(factor) or (isinstance(value, str) and not value.endswith("%")):
        raise ValueError
    return factor


def read_trainer(value: str) -> tuple[float, float, float]:
    """ "70:110:+4" (percent: from, to, step a pass) → (0.7, 1.1, 0.04). Raises ValueError."""
    start, end, step = (float(part.strip().rstrip("%")) / 100 for part in value.split(":"))
    if limits.TEMPO_FACTOR.fault(start) or limits.TEMPO_FACTOR.fault(end) or not step:
        raise ValueError
    return start, end, step


def read_chord_zones(value: list[str]) -> tuple[ChordZone, ...]:
    """["36-52 held"] → zones. Raises ValueError."""
    from companion.session.chords.zone import check_zones, read_zone  # few presets have zones

    try:
        zones = tuple(read_zone(text_of_zone) for text_of_zone in value)
        check_zones(zones)
    except UsageError as error:
        raise ValueError(str(error)) from None
    return zones


def write_chord_zones(zones: tuple[ChordZone, ...]) -> list[str]:
    """The inverse of `read_chord_zones`."""
    from companion.session.chords.zone import write_zone

    return [write_zone(zone) for zone in zones]


def read_engine(value: str) -> str:
    """One of our engines, or the address of one on another machine. Raises ValueError."""
    if fault := engine_fault(value):
        raise ValueError(fault)
    return value


def read_entry_tempo(value: float | str) -> str:
    """96 or "80%" as typed. Raises ValueError."""
    if isinstance(value, str):
        read_percent(value)
        return value
    if fault := limits.BPM.fault(value):
        raise ValueError(fault)
    return f"{value:g}"


def read_lines(value: str | list[str]) -> tuple[str, ...]:
    """One text or several as lines."""
    return (value,) if isinstance(value, str) else tuple(value)


def to_seconds(value: Mapping[str, float]) -> dict[str, float]:
    """Milliseconds by port as seconds."""
    return {port: milliseconds / 1000 for port, milliseconds in value.items()}


def to_milliseconds(value: Mapping[str, float]) -> dict[str, float]:
    """The inverse of `to_seconds`."""
    return {port: seconds * 1000 for port, seconds in value.items()}


def read_learned(value: Mapping[str, str]) -> dict[str, str]:
    """Foot switches, pads and program changes; channels count from 1 in files, from 0 in a session. Raises ValueError."""
    for action in value.values():
        try:
            command_of_action(action)
        except CommandError as error:
            raise ValueError(f"{action!r}: {error}") from None
    return {moved(control, -1): action for control, action in value.items()}


def write_learned(learned: Mapping[str, str]) -> dict[str, str]:
    """The inverse of `read_learned`."""
    return {moved(control, 1): action for control, action in learned.items()}


def read_keys(value: str) -> tuple[int, int]:
    """ "36-59" or "C2-B3" (both included), or a single key → the lowest and the highest. Raises ValueError."""
    # A name may have a minus of its own ("C-1"), so the one between two keys is looked for.
    match = re.fullmatch(r"\s*(\d+|[A-Ga-g][#b]?-?\d)\s*(?:-\s*(\d+|[A-Ga-g][#b]?-?\d)\s*)?", value)
    if match is None:
        raise ValueError
    low = read_pitch(match.group(1))
    return low, read_pitch(match.group(2)) if match.group(2) else low


def read_velocities(value: str) -> tuple[int, int]:
    """ "1-90" → (1, 90). Raises ValueError."""
    low, _, high = value.partition("-")
    return int(low), int(high)


def write_pair(value: tuple[int, int]) -> str:
    """Two numbers as "1-90"."""
    return f"{value[0]}-{value[1]}"
