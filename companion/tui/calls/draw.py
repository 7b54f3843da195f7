"""The row of calls on a canvas: each with its key, lit while it waits or is under way; and the two dials that lead the band. Pure."""

from __future__ import annotations

from companion.session.api.snapshot import Snapshot
from companion.tui import palette
from companion.tui.calls.buttons import Tap, call_keys, place_of
from companion.tui.canvas import Area, Canvas
from companion.tui.keys import KEYS, PANIC_KEYS

CALL_MARK = "⚑"


def draw_calls(snapshot: Snapshot | None, width: int, height: int) -> tuple[Canvas, list[Tap]]:
    """Draw one row: panic, then the calls. A call that waits names its bar. Calls that do not fit are dropped from the right.

    Returns the row, and where it can be clicked.
    """
    canvas = Canvas(width, height)
    calls = {call.kind: call for call in snapshot.calls} if snapshot else {}
    right = width
    if snapshot is not None:
        right = canvas.put_right(0, (f" intensity {snapshot.intensity} ", palette.DIM)) if width >= 100 else width
    panic = next(key for key in KEYS if key.keys in PANIC_KEYS)
    x = canvas.put_spans(0, 0, (f" {panic.shown}", palette.KEY), (" panic ", palette.BAD))
    taps = [Tap(Area(0, 0, x, 1), panic.action)]
    for key in call_keys():
        where = place_of(calls.get(key.hint), snapshot)
        word = f"{key.hint} {where}" if where else key.hint
        if x + len(key.shown) + len(word) + 3 > right:
            break
        style = palette.SELECTED if where else palette.DIM
        end = canvas.put_spans(x, 0, (f" {key.shown}", palette.KEY), (f" {word} ", style))
        taps.append(Tap(Area(x, 0, end - x, 1), key.action))
        x = end
    return canvas, taps


def mark_of(snapshot: Snapshot, bar: int) -> str:
    """The mark of a coming call in a bar; "" if there is none."""
    kinds = [
        call.kind
        for call in snapshot.calls
        if call.first_bar <= bar and (bar == call.first_bar or (call.last_bar is not None and bar <= call.last_bar))
    ]
    return f"{CALL_MARK}{' '.join(kinds)}" if kinds else ""
