"""The tables of a preset for the player's controls and keyboard: [[knobs]] and [[zones]].

Parts are named there, or numbered from 1; a session numbers them from 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from companion.config import schema
from companion.errors import ConfigError, UsageError
from companion.session.api.dials import DIALS, check_knob, usual_knob
from companion.session.api.settings import ChordZone, Knob, TrackSettings, Zone


def entries(value: Any, name: str, path: Path | str) -> list[Any]:
    """The tables of [[name]]. Raises ConfigError if it is none."""
    if not isinstance(value, list):
        raise ConfigError(f"{path}: [[{name}]] must be tables, each with [[{name}]] above it")
    return value


def read_knobs(value: Any, tracks: Sequence[TrackSettings], path: Path | str) -> tuple[Knob, ...]:
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


def read_key_zones(
    value: Any, tracks: Sequence[TrackSettings], chord_zones: Sequence[ChordZone], path: Path | str
) -> tuple[Zone, ...]:
    """[[zones]] as settings. Raises ConfigError with one line."""
    zones: list[Zone] = []
    for number, entry in enumerate(entries(value, "zones", path), start=1):
        where = f"{path}: [[zones]] number {number}"
        fields = schema.ZONE.read(entry, where)
        if "name" not in fields:
            raise ConfigError(f"{where}: name is missing")
        part = fields.pop("part", None)
        track = None if part is None else part_number(part, tracks, where)
        if track is not None and tracks[track].role != "human":
            raise ConfigError(f"{where}: {tracks[track].name} is no part of yours (its role must be human)")
        for name, (low, high) in (("keys", ("low", "high")), ("velocity", ("velocity_low", "velocity_high"))):
            if name in fields:
                fields[low], fields[high] = fields.pop(name)
        zones.append(Zone(track=track, **fields))
    if not zones:
        return ()
    from companion.session.input.zone_faults import check_key_zones  # few presets have zones

    try:
        check_key_zones(zones, chord_zones)
    except UsageError as error:
        raise ConfigError(f"{path}: [[zones]] {error}") from None
    return tuple(zones)


def write_key_zones(zones: Sequence[Zone], tracks: Sequence[TrackSettings]) -> list[dict[str, Any]]:
    """The inverse of `read_key_zones`."""
    tables = []
    for zone in zones:
        table: dict[str, Any] = {"name": zone.name, "keys": f"{zone.low}-{zone.high}"}
        if (zone.velocity_low, zone.velocity_high) != (1, 127):
            table["velocity"] = f"{zone.velocity_low}-{zone.velocity_high}"
        if zone.channel is not None:
            table["channel"] = zone.channel + 1
        if zone.port:
            table["input"] = zone.port
        if zone.track is not None:
            table["part"] = part_name(zone.track, tracks)
        if zone.controls:
            table["controls"] = True
        if zone.thru is not None:
            table["thru"] = zone.thru
        if zone.transpose:
            table["transpose"] = zone.transpose
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
