"""The mixer: volume and pan of each part. Levels that nobody has set are shown with a synthesizer's initial values. Pure."""

from __future__ import annotations

from companion.session.api.commands import Command, command
from companion.session.api.snapshot import LaneView, Snapshot
from companion.tui import palette
from companion.tui.canvas import Canvas
from companion.tui.controls.knobs import knob_of, short_words

USUAL = {"volume": 100, "pan": 64}  # General MIDI
STEPS = {"volume": 5, "pan": 8}
HIGHEST = 127
_BAR = 16


def value_of(lane: LaneView, level: str) -> int:
    """Return a part's "volume" or "pan", or the usual one if it is not set."""
    value = lane.volume if level == "volume" else lane.pan
    return USUAL[level] if value is None else value


def turn(lane: LaneView, level: str, steps: int) -> Command:
    """Return the command that changes a part's "volume" or "pan" by steps up or down, within 0-127."""
    value = value_of(lane, level) + steps * STEPS[level]
    return command(f"set_{level}", track=lane.index, value=min(max(value, 0), HIGHEST))


def reset(lane: LaneView) -> list[Command]:
    """Return the commands that give a part a synthesizer's initial values."""
    return [command(f"set_{level}", track=lane.index, value=value) for level, value in USUAL.items()]


def draw_mixer(snapshot: Snapshot | None, chosen: int, width: int, height: int) -> Canvas:
    """Draw one row for each part."""
    canvas = Canvas(width, height)
    canvas.put_spans(1, 0, ("mixer", palette.TITLE), ("  volume and pan of each part", palette.DIM))
    lanes = snapshot.lanes if snapshot is not None else ()
    first = max(chosen - (height - 4), 0)
    for row, lane in enumerate(lanes[first : first + height - 3]):
        style = palette.SELECTED if row + first == chosen else palette.PLAIN
        canvas.put(1, 2 + row, f"{lane.name[:14]:<14}", style)
        volume, pan = value_of(lane, "volume"), value_of(lane, "pan")
        filled = round(_BAR * volume / HIGHEST)
        canvas.put_spans(
            17,
            2 + row,
            ("█" * filled, palette.PLAYED),
            ("·" * (_BAR - filled), palette.LINE),
            (f" {volume:>3}   ", palette.PLAIN),
            (_pan_picture(pan), palette.HUMAN),
            (f" {pan_words(pan):<8}", palette.PLAIN),
            (_knobs(snapshot, lane), palette.DIM),
            (" muted" if lane.muted else "", palette.WARN),
        )
    canvas.put_spans(
        0, height - 1, (" esc", palette.KEY), (" done ", palette.SELECTED), (" ↑ ↓", palette.KEY), (" part ", palette.DIM),
        (" ← →", palette.KEY), (" volume ", palette.DIM), (" < >", palette.KEY), (" pan ", palette.DIM), (" 0", palette.KEY),
        (" as usual", palette.DIM), (" n N", palette.KEY), (" learn a knob", palette.DIM),
    )  # fmt: skip
    return canvas


def _knobs(snapshot: Snapshot | None, lane: LaneView) -> str:
    """The knobs of a part's volume and pan."""
    if snapshot is None:
        return ""
    views = ((knob_of(snapshot, level, lane.index), level) for level in USUAL)
    return "  ".join(short_words(view, value_of(lane, level)) for view, level in views if view is not None)


def pan_words(pan: int) -> str:
    """Return the words for a place between left and right."""
    if pan == USUAL["pan"]:
        return "middle"
    return f"left {100 * (64 - pan) // 64}" if pan < USUAL["pan"] else f"right {100 * (pan - 64) // 63}"


def _pan_picture(pan: int) -> str:
    place = round(10 * pan / HIGHEST)
    return "L" + "─" * place + "●" + "─" * (10 - place) + "R"
