"""Leading, sampling and attributes as dials: first the dials for all parts, then the attributes of one part. Pure.

A dial is shown only if the loaded checkpoint has the control.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from types import ModuleType

from companion.session.api import limits
from companion.session.api.commands import Command, command
from companion.session.api.dials import DIALS
from companion.session.api.settings import Sampling
from companion.session.api.snapshot import LaneView, Snapshot
from companion.tui import palette
from companion.tui.canvas import Canvas
from companion.tui.controls.commands import (
    TEMPERATURE_RANGE,
    TEMPERATURE_STEP,
    TOP_P_RANGE,
    TOP_P_STEP,
    selected_lane,
    step,
)
from companion.tui.controls.knobs import HINT, knob_of, range_words, short_words
from companion.tui.lanes.draw import Selection
from companion.tui.status.draw import gauge

LEADING_STEPS = {"intensity": 5, "follow_dynamics": 0.1, "follow_density": 0.1, "stay_out_of_register": 0.1}
LEADING_USUAL = {"intensity": 50, "follow_dynamics": 0.0, "follow_density": 0.0, "stay_out_of_register": 0.0}
DIAL_WIDTH = 16
NAME_WIDTH = 20
SAMPLING_DIALS = {
    "temperature": (TEMPERATURE_STEP, TEMPERATURE_RANGE, 2.0),
    "top_p": (TOP_P_STEP, TOP_P_RANGE, 1.0),
    "harmony": (0.25, limits.HARMONY.range, limits.HARMONY.high),
    "variety": (0.25, limits.VARIETY.range, limits.VARIETY.high),
}  # step, limits, full scale of the gauge
HUMAN_WORDS = ("even, on the grid", "played loudness, on the grid", "as a player")
# Names of controls on the screen, where the control's own name is unclear.
TITLES = {
    "key_signature": "key (all parts)",
    "pitch_range": "range",
    "silence_proportion": "silence",
    "nomml": "finest rhythm",
    "bar_note_density": "density of bar",
    "bar_min_polyphony": "least voices of bar",
    "bar_max_polyphony": "most voices of bar",
    "pitch_class_set": "pitches of bar",
}
PIECE_DIALS = ("genre", "human")
FREE = {"key_signature": "as heard"}
FIRST_LEVEL = {"pitch_range": 12, "pitch_class_set": 3}  # the first value of a dial that is turned up from free


@dataclass(frozen=True, slots=True)
class Dial:
    """One dial. level: of an attribute, None = the model is free to choose. value: of any other dial. of_part: it is one part's."""

    name: str
    title: str
    share: float
    reading: str
    level: int | None = None
    value: float | None = None
    of_part: bool = False

    @property
    def stands_at(self) -> float | None:
        """What a knob sets: the level or the value, None while the model is free."""
        return self.level if self.value is None else self.value


@lru_cache(maxsize=1)
def attribute_tables() -> ModuleType:
    """Names, levels and labels of the attributes. Imported late, because their package imports more than a first frame needs."""
    from companion.tokenizer import attributes

    return attributes


def dials(snapshot: Snapshot, selection: Selection) -> list[Dial]:
    """The dials for the chosen lane: only attributes that the loaded checkpoint has and that fit the instrument."""
    sampling = snapshot.model.sampling
    found = [_leading_dial(snapshot, name) for name in LEADING_STEPS]
    found += [
        Dial(name, name.replace("_", "-" if name == "top_p" else " "), value / full, f"{value:.2f}", value=value)
        for name, (_, _, full) in SAMPLING_DIALS.items()
        for value in (getattr(sampling, name),)
    ]
    found += _piece_dials(snapshot)
    lane = selected_lane(snapshot, selection)
    return found + [_attribute_dial(lane, name) for name in attribute_names(snapshot, lane)] if lane else found


def _leading_dial(snapshot: Snapshot, name: str) -> Dial:
    """A dial of the whole band, whose limits are those of the dial that knobs turn."""
    dial, value = DIALS[name], getattr(snapshot, name)
    low, high = dial.limit.range
    return Dial(name, dial.title, (value - low) / (high - low), f"{value:g}", value=value)


def _piece_dials(snapshot: Snapshot) -> list[Dial]:
    """The dials for genre and human playing, for checkpoints that have them."""
    checkpoint, sampling = snapshot.checkpoint, snapshot.model.sampling
    if checkpoint is None:
        return []
    found: list[Dial] = []
    if checkpoint.genres:
        known = sampling.genre in checkpoint.genres
        level = checkpoint.genres.index(sampling.genre) if known else None
        share = 0.0 if level is None else (level + 1) / len(checkpoint.genres)
        found.append(Dial("genre", "genre", share, sampling.genre if known else "free", level))
    if checkpoint.switches:
        top = len(HUMAN_WORDS) - 1
        found.append(
            Dial(
                "human",
                "how human",
                sampling.human / top,
                HUMAN_WORDS[sampling.human],
                sampling.human,
                float(sampling.human),
            )
        )
    return found


def attribute_names(snapshot: Snapshot, lane: LaneView | None) -> list[str]:
    """Attributes that can steer this lane: density for drums, polyphony and durations for the others."""
    if lane is None or lane.role != "companion":
        return []
    attributes = attribute_tables()
    offered = snapshot.checkpoint.attributes if snapshot.checkpoint else [spec.name for spec in attributes.BASIC]
    specs = (attributes.SPECS[name] for name in attributes.NAMES if name in offered)
    return [spec.name for spec in specs if spec.applies_to(lane.is_drum)]


def _attribute_dial(lane: LaneView, name: str) -> Dial:
    attributes = attribute_tables()
    level, count = lane.attributes.get(name), attributes.levels(name)
    if level is None:
        reading = FREE.get(name, "free")
    elif name in ("note_density", "bar_note_density"):
        reading = _density_words(*attributes.density_range(min(max(level, 0), count - 1)))
    else:
        reading = attributes.labels(name)[min(max(level, 0), count - 1)]
    return Dial(
        name,
        TITLES.get(name, name.replace("_", " ")),
        0.0 if level is None else (level + 1) / count,
        reading,
        level,
        of_part=True,
    )


def _density_words(fewest: int, most: int | None) -> str:
    return f"{fewest} or more notes a bar" if most is None else f"{fewest}–{most} notes a bar"


def turn(snapshot: Snapshot, selection: Selection, dial: Dial, by: int) -> list[Command]:
    """The commands for turning a dial by one step; below its lowest level an attribute is set free.

    One end of a range moves the other if they would contradict each other.
    """
    if dial.name in LEADING_STEPS:
        size, limit = LEADING_STEPS[dial.name], DIALS[dial.name].limit
        value = step(getattr(snapshot, dial.name), by * size, limit.range)
        return [DIALS[dial.name].make(int(value) if limit.whole else value, -1)]
    if dial.name in SAMPLING_DIALS:
        size, limits, _ = SAMPLING_DIALS[dial.name]
        value = step(getattr(snapshot.model.sampling, dial.name), by * size, limits)
        return [command("set_sampling", **{dial.name: value})]
    if dial.name in PIECE_DIALS:
        return _turn_piece(snapshot, dial, by)
    lane = selected_lane(snapshot, selection)
    if lane is None:
        return []
    if dial.level is None:
        level = None if by < 0 else FIRST_LEVEL.get(dial.name, 0)
    else:
        level = dial.level + by if dial.level + by >= 0 else None
    if level is not None:
        level = min(level, attribute_tables().levels(dial.name) - 1)
    if level == dial.level:
        return []
    wanted = attribute_tables().reconcile(lane.attributes, {dial.name: level})
    changed = [name for name, new in wanted.items() if new != lane.attributes.get(name)]
    return [
        command("set_attribute", track=index, name=name, level=wanted[name])
        for name in changed
        for index in _lanes_of(snapshot, lane, name)
    ]


def _lanes_of(snapshot: Snapshot, lane: LaneView, name: str) -> list[int]:
    """The lanes that a dial changes. A key applies to all our melodic parts."""
    if name != "key_signature":
        return [lane.index]
    return [other.index for other in snapshot.lanes if other.role == "companion" and not other.is_drum]


def _turn_piece(snapshot: Snapshot, dial: Dial, by: int) -> list[Command]:
    sampling, genres = snapshot.model.sampling, snapshot.checkpoint.genres if snapshot.checkpoint else ()
    if dial.name == "human":
        human = min(max(sampling.human + by, 0), len(HUMAN_WORDS) - 1)
        return [command("set_sampling", human=human)] if human != sampling.human else []
    at = (-1 if dial.level is None else dial.level) + by
    genre = genres[min(at, len(genres) - 1)] if at >= 0 else ""
    return [command("set_sampling", genre=genre)] if genre != sampling.genre else []


def release(snapshot: Snapshot, selection: Selection, dial: Dial) -> list[Command]:
    """The command that sets an attribute free, or returns another dial to its default."""
    if dial.name in LEADING_STEPS:
        return [DIALS[dial.name].make(LEADING_USUAL[dial.name], -1)]
    if dial.name in (*SAMPLING_DIALS, *PIECE_DIALS):
        return [command("set_sampling", **{dial.name: getattr(Sampling(), dial.name)})]
    lane = selected_lane(snapshot, selection)
    if lane is None or dial.level is None:
        return []
    return [
        command("set_attribute", track=index, name=dial.name, level=None)
        for index in _lanes_of(snapshot, lane, dial.name)
    ]


def _track(dial: Dial, lane: LaneView | None) -> int | None:
    return lane.index if dial.of_part and lane is not None else None


def draw_dials(snapshot: Snapshot | None, selection: Selection, chosen: int, width: int, height: int) -> Canvas:
    """All dials, one a row, under a heading that names the part."""
    canvas = Canvas(width, height)
    if snapshot is None:
        return canvas
    lane = selected_lane(snapshot, selection)
    canvas.put(1, 0, f"{lane.index + 1} {lane.name}" if lane else "no part", palette.TITLE)
    found = dials(snapshot, selection)
    rows = max(height - 3, 1)
    if len(found) > rows:
        canvas.put(max(width - 8, 0), 0, f"{chosen + 1}/{len(found)}".rjust(7), palette.DIM)
    first = min(max(chosen - rows + 1, 0), max(len(found) - rows, 0))
    for row, dial in enumerate(found[first : first + rows]):
        here = first + row == chosen
        style = palette.SELECTED if here else palette.BOLD
        canvas.put(1, row + 1, f"{'▸' if here else ' '} {dial.title}".ljust(NAME_WIDTH), style)
        is_set = dial.stands_at is not None
        gauge_style = palette.KEY if is_set else palette.LINE
        x = canvas.put_spans(NAME_WIDTH + 2, row + 1, *gauge(dial.share, DIAL_WIDTH, gauge_style))
        end = canvas.put(x + 1, row + 1, dial.reading, palette.PLAIN if is_set else palette.DIM)
        knob = knob_of(snapshot, dial.name, _track(dial, lane))
        if knob is not None:
            label = short_words(knob, dial.stands_at)
            style = palette.WARN if knob.waits else palette.DIM
            if width - len(label) - 2 > end:
                canvas.put(width - len(label) - 1, row + 1, label, style)
            if here:
                canvas.put(width // 3, 0, f"{label}: {range_words(knob.knob)}", palette.DIM)
    if lane is not None and lane.role != "companion":
        canvas.put(
            1, min(len(found) + 1, height - 2), "  attributes are for parts of ours: choose one with tab", palette.DIM
        )
    chosen_dial = found[chosen] if chosen < len(found) else None
    has_knob = chosen_dial is not None and knob_of(snapshot, chosen_dial.name, _track(chosen_dial, lane)) is not None
    keys = HINT if has_knob else "↑↓ dial  ←→ turn  backspace free  tab next part  n knob  esc close"
    canvas.put(1, height - 1, keys, palette.DIM)
    return canvas
