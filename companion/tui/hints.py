"""The bottom line: the most useful keys of the current view, or for a moment what the last key did. Pure."""

from __future__ import annotations

from rich.style import Style

from companion.session.api.snapshot import Snapshot
from companion.tui import palette
from companion.tui.calls.buttons import Tap
from companion.tui.canvas import Area, Canvas
from companion.tui.keys import KEYS, PRACTICE, ROLL, STAGE, Key

ALWAYS = ("find", "help", "quit")
_FIRST = ("space", "tab", "enter")  # then those of one view only, then in the order of the table
_HINTS = sorted((key for key in KEYS if key.hint), key=lambda key: (key.keys not in _FIRST, len(key.hints)))


def draw_hints(
    width: int, height: int, snapshot: Snapshot | None = None, *, view: str = ROLL, echo: str = ""
) -> tuple[Canvas, list[Tap]]:
    """Draw as many hints as fit, and say where they can be clicked. Finding, help and quit are always shown.

    echo: what the last key did, shown first.
    """
    canvas = Canvas(width, height)
    taps: list[Tap] = []
    always = [key for key in _HINTS if key.hint in ALWAYS]
    reserve = sum(_width(key, key.hint) for key in always)
    if echo:
        canvas.put(1, 0, echo, palette.SELECTED, limit=width - reserve - 2)
    x = 0
    for key in () if echo else _HINTS:
        word = _word(key, snapshot, view)
        if key not in always and word and x + _width(key, word) <= width - reserve:
            x = _put(canvas, taps, x, key, word)
    x = max(x, width - reserve) if echo else x
    for key in always:
        x = _put(canvas, taps, x, key, key.hint)
    return canvas, taps


def _put(canvas: Canvas, taps: list[Tap], x: int, key: Key, word: str) -> int:
    end = canvas.put_spans(x, 0, *_spans(key, word))
    taps.append(Tap(Area(x, 0, end - x, 1), key.action))
    return end


def _word(key: Key, snapshot: Snapshot | None, view: str) -> str:
    """The hint for the current state; "" if the key does nothing now."""
    has_song = snapshot is not None and snapshot.practice is not None
    if (view if has_song or view == STAGE else ROLL) not in key.hints:
        return ""
    if key.keys == "tab":
        practising = view == PRACTICE
        shown = view != STAGE and (has_song or practising)
        return ("piano roll" if practising else "practice") if shown else ""
    if key.keys == "enter":
        return "all lanes" if view == STAGE else key.hint
    if key.keys == "space" and snapshot is not None and snapshot.transport.state in ("running", "lost"):
        return "" if snapshot.transport.source == "external" else "stop"
    return key.hint


def _width(key: Key, word: str) -> int:
    return len(key.shown) + len(word) + 3


def _spans(key: Key, word: str) -> tuple[tuple[str, Style], ...]:
    return (f" {key.shown}", palette.KEY), (f" {word} ", palette.DIM)
