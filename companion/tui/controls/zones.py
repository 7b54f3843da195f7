"""The zones of the keyboard as a table that is edited: what a key changes, and how it is drawn. Pure.

A zone that begins where another one ends shares a split point with it: moving one edge moves the other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace

from companion.errors import UsageError
from companion.music.units import pitch_name
from companion.session.api.commands import Command, command
from companion.session.api.settings import Zone
from companion.session.api.snapshot import LaneView, Snapshot
from companion.session.input.zone_faults import check_key_zones
from companion.tui import palette
from companion.tui.canvas import Canvas

HIGHEST, OCTAVE, MOST_TRANSPOSED = 127, 12, 48
VELOCITY_STEP = 10
SPLIT = 59  # B3: a first zone is the left hand
# Fields, their headings, and the columns of the table where they begin.
FIELDS = ("low", "high", "track", "transpose", "channel", "velocity_low", "velocity_high", "thru", "controls")
_HEADINGS = ("from", "to", "plays", "transpose", "channel", "velocity", "", "thru", "controls")
_COLUMNS = (11, 17, 23, 36, 46, 54, 59, 64, 70)
_NAME_WIDTH, _PART_WIDTH = 9, 12
_THRU: tuple[bool | None, ...] = (None, True, False)
_HINTS = (
    ("esc", "done"),
    ("↑ ↓", "zone"),
    ("← →", "field"),
    ("+ − < >", "change"),
    ("n", "new"),
    ("N", "new part"),
    ("D", "remove"),
)


def in_order(zones: Sequence[Zone]) -> tuple[Zone, ...]:
    """From the lowest key up. The session keeps them in the order of their last changes."""
    return tuple(sorted(zones, key=lambda zone: (zone.low, zone.velocity_low, zone.channel or 0, zone.name)))


def new_zone(zones: Sequence[Zone]) -> Zone | None:
    """A zone for keys that have none: the left hand's at first, then those above the highest zone or below the lowest one.

    None if no key is free there.
    """
    used = {zone.name for zone in zones}
    name = next(name for number in range(1, 1000) if (name := f"zone {number}") not in used)
    if not zones:
        return Zone(name, high=SPLIT)
    lowest, highest = min(zone.low for zone in zones), max(zone.high for zone in zones)
    if highest < HIGHEST:
        return Zone(name, low=highest + 1)
    return Zone(name, high=lowest - 1) if lowest > 0 else None


def changed(zone: Zone, field: str, steps: int, parts: Sequence[int], *, far: bool = False) -> Zone:
    """The zone with one field changed by steps. parts: the player's own lanes. far: by octaves, or ten velocities at a time."""
    if field == "track":
        options = (None, *parts)
        at = options.index(zone.track) if zone.track in options else 0
        return replace(zone, track=options[(at + steps) % len(options)], controls=False)
    if field == "thru":
        return replace(zone, thru=_THRU[(_THRU.index(zone.thru) + steps) % len(_THRU)])
    if field == "controls":
        return replace(zone, controls=not zone.controls, track=None)
    if field == "channel":
        number = min(max((-1 if zone.channel is None else zone.channel) + steps, -1), 15)
        return replace(zone, channel=None if number < 0 else number)
    by = steps * ((VELOCITY_STEP if field.startswith("velocity") else OCTAVE) if far else 1)
    least, most = {
        "low": (0, zone.high),
        "high": (zone.low, HIGHEST),
        "transpose": (-MOST_TRANSPOSED, MOST_TRANSPOSED),
        "velocity_low": (1, zone.velocity_high),
        "velocity_high": (zone.velocity_low, HIGHEST),
    }[field]
    return replace(zone, **{field: min(max(getattr(zone, field) + by, least), most)})


def edits(zones: Sequence[Zone], zone: Zone, wanted: Zone) -> list[Zone]:
    """What changes when a zone becomes another one, in an order in which no two zones overlap at any time."""
    found = [wanted]
    for other in zones:
        if other.name == zone.name or other.channel != zone.channel or other.port != zone.port:
            continue
        if other.low == zone.high + 1 and wanted.high != zone.high and wanted.high < other.high:
            moved = replace(other, low=wanted.high + 1)
            found.insert(0 if wanted.high > zone.high else len(found), moved)
        elif other.high == zone.low - 1 and wanted.low != zone.low and wanted.low > other.low:
            moved = replace(other, high=wanted.low - 1)
            found.insert(0 if wanted.low < zone.low else len(found), moved)
    return found


def fault(snapshot: Snapshot, changes: Sequence[Zone]) -> str:
    """Why these changes cannot be made, "" if they can."""
    names = {zone.name for zone in changes}
    try:
        check_key_zones([*(zone for zone in snapshot.zones if zone.name not in names), *changes], snapshot.chords.zones)
    except UsageError as error:
        return str(error)
    return ""


def wish(zone: Zone) -> Command:
    """The command that sets a zone."""
    return command("set_zone", **asdict(zone))


def own_parts(snapshot: Snapshot) -> tuple[LaneView, ...]:
    """The player's own parts."""
    return tuple(lane for lane in snapshot.lanes if lane.role == "human")


def draw_zones(snapshot: Snapshot | None, chosen: str, field: str, said: str, width: int, height: int) -> Canvas:
    """Draw one row for each zone. chosen: a zone's name. said: a line to show below them, such as why a change was not made."""
    canvas = Canvas(width, height)
    canvas.put_spans(1, 0, ("zones", palette.TITLE), ("  which keys of yours play what", palette.DIM))
    zones = in_order(snapshot.zones) if snapshot is not None else ()
    names = {lane.index: lane.name for lane in snapshot.lanes} if snapshot is not None else {}
    for heading, column in zip(_HEADINGS, _COLUMNS, strict=True):
        canvas.put(column, 1, heading, palette.DIM)
    place = next((row for row, zone in enumerate(zones) if zone.name == chosen), 0)
    rows = height - 4
    first = max(place - rows + 1, 0)
    for row, zone in enumerate(zones[first : first + rows]):
        is_chosen = zone.name == chosen
        canvas.put(1, 2 + row, zone.name[:_NAME_WIDTH], palette.BOLD if is_chosen else palette.PLAIN)
        for each, column in zip(FIELDS, _COLUMNS, strict=True):
            style = palette.SELECTED if is_chosen and each == field else palette.PLAIN
            canvas.put(column, 2 + row, _words(zone, each, names), style)
    if not zones:
        canvas.put(1, 2, "none yet: n makes one, for the left hand", palette.DIM)
    canvas.put(1, height - 2, said, palette.WARN, limit=width - 1)
    x = 0
    for keys, word in _HINTS:
        x = canvas.put_spans(x, height - 1, (f" {keys}", palette.KEY), (f" {word} ", palette.DIM))
    return canvas


def _short(name: str) -> str:
    return name if len(name) <= _PART_WIDTH else f"{name[: _PART_WIDTH - 1]}…"


def _words(zone: Zone, field: str, names: dict[int, str]) -> str:
    if field == "track" and zone.controls:
        return "–"
    return _WORDS[field](getattr(zone, field), names)


_WORDS: dict[str, Callable[[int | bool | None, dict[int, str]], str]] = {
    "low": lambda value, names: pitch_name(int(value or 0)),
    "high": lambda value, names: pitch_name(int(value or 0)),
    "track": lambda value, names: "as you play" if value is None else _short(names.get(int(value), "–")),
    "transpose": lambda value, names: f"{value:+d}" if value else "0",
    "channel": lambda value, names: "any" if value is None else str(int(value) + 1),
    "velocity_low": lambda value, names: str(value),
    "velocity_high": lambda value, names: str(value),
    "thru": lambda value, names: "as h" if value is None else "yes" if value else "no",
    "controls": lambda value, names: "yes" if value else "no",
}
