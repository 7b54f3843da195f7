"""The tables of a preset for the player's controls: [[knobs]]. Parts are named there, or numbered from 1; a session numbers them from 0."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from companion.config import schema
from companion.errors import ConfigError, UsageError
from companion.session.api.dials import DIALS, check_knob, usual_knob
from companion.session.api.settings import Knob, TrackSettings


def entries(value: Any, name: str, path: Path) -> list[Any]:
    """The tables of [[name]]. Raises ConfigError if it is none."""
    if not isinstance(value, list):
        raise ConfigError(f"{path}: [[{name}]] must be tables, each with [[{name}]] above it")
    return value


def read_knobs(value: Any, tracks: Sequence[TrackSettings], path: Path) -> tuple[Knob, ...]:
    """[[knobs]] as settings. Raises ConfigError with one line."""
    knobs: dict[str, Knob] = {}
    for number, entry in enumerate(entries(value, "knobs", path), start=1):
        where = f"{path}: [[knobs]] number {number}"
        fields = schema.KNOB.read(entry, where)
        for needed in ("control", "dial"):
            if needed not in fields:
                raise ConfigError(f"{where}: {needed} is missing")
        part = fields.pop("part", None)
        track = None if part is None else part_number(part, tracks, where)
        try:
            usual = usual_knob(fields["control"], fields["dial"], track)
            ends = {"low": usual.low, "high": usual.high, **fields}
            knob = Knob(track=track, **ends)
            check_knob(knob)
        except UsageError as error:
            raise ConfigError(f"{where}: {error}") from None
        if knob.control in knobs:
            raise ConfigError(f"{where}: {entry['control']} turns a dial already")
        knobs[knob.control] = knob
    return tuple(knobs.values())


def write_knobs(knobs: Sequence[Knob], tracks: Sequence[TrackSettings]) -> list[dict[str, Any]]:
    """The inverse of `read_knobs`. The range is always written: it is what a reader wants to change."""
    tables = []
    for knob in knobs:
        table: dict[str, Any] = {"control": schema.KNOB.keys["control"].write(knob.control), "dial": knob.dial}
        if knob.track is not None:
            table["part"] = part_name(knob.track, tracks)
        whole = DIALS[knob.dial].digits == 0
        table["from"], table["to"] = (int(end) if whole else end for end in (knob.low, knob.high))
        if knob.curve != "linear":
            table["curve"] = knob.curve
        if not knob.pickup:
            table["pickup"] = False
        tables.append(table)
    return tables


def part_number(part: str | int, tracks: Sequence[TrackSettings], where: str) -> int:
    """The track of a part's name or number. Raises ConfigError."""
    if isinstance(part, str):
        found = [number for number, track in enumerate(tracks) if track.name == part]
        if found:
            return found[0]
    elif 1 <= part <= len(tracks):
        return part - 1
    names = ", ".join(track.name for track in tracks)
    raise ConfigError(f"{where}: part = {part!r} is none of the tracks ({names}, or their numbers from 1)")


def part_name(track: int, tracks: Sequence[TrackSettings]) -> str | int:
    """A part's name, or its number from 1 if another part has the same name."""
    name = tracks[track].name
    return name if sum(other.name == name for other in tracks) == 1 else track + 1
