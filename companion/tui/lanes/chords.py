"""The chord line above the lanes: known chords bold, heard ones plain, expected ones faint with their confidence. Pure."""

from __future__ import annotations

from rich.style import Style

from companion.harmony.spans import ChordSpan
from companion.session.api.snapshot import Snapshot
from companion.tui import palette
from companion.tui.canvas import Canvas
from companion.tui.lanes.grid import BarGrid

_STYLES: dict[str, Style] = {"known": palette.BOLD, "heard": palette.PLAIN, "expected": palette.DIM}


def has_chords(snapshot: Snapshot) -> bool:
    """Whether there is anything to show on the line."""
    chords = snapshot.chords
    return bool(chords.bars or chords.progression or chords.zones)


def draw_chord_line(canvas: Canvas, snapshot: Snapshot, grid: BarGrid, y: int, meters: dict[int, float]) -> None:
    """The chords of the bars on screen, each at its beat. meters: beats of each bar."""
    canvas.put(0, y, " chords"[: grid.label], palette.DIM)
    for bar in range(grid.first, grid.first + grid.count):
        canvas.put(grid.bar_x(bar), y, "│", palette.LINE)
    last: str | None = None
    for place in snapshot.chords.bars:
        beats = meters.get(place.bar, 4.0)
        for index, span in enumerate(place.spans):
            x = grid.column(place.bar, span.beat, beats)
            if x is None:
                continue
            following = place.spans[index + 1].beat if index + 1 < len(place.spans) else None
            end = grid.column(place.bar, following, beats) if following is not None else None
            room = (end if end is not None else grid.bar_x(place.bar) + grid.bar_width) - x
            text = chord_text(span, room)
            held = text == last and index == 0 and span.source != "expected"
            canvas.put(x, y, ("·" if held else text)[:room], _STYLES[span.source])
            last = text


def chord_text(span: ChordSpan, room: int = 99) -> str:
    """A chord as the line shows it: Dm7, or Dm7?60% if it is expected (without the figure if there is no room)."""
    symbol = "N.C." if span.chord is None else span.chord.text
    if span.source != "expected":
        return symbol
    full = f"{symbol}?{span.confidence:.0%}"
    return full if len(full) < room else f"{symbol}?"
