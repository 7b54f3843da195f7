"""The row of calls on a canvas: each with its key, lit while it waits or is under way; and the two dials that lead the band. Pure."""

from __future__ import annotations

from companion.session.api.snapshot import CallView, Snapshot
from companion.tui import palette
from companion.tui.canvas import Canvas
from companion.tui.keys import KEYS
from companion.tui.wording import bar_label

GROUP = "Calls"
CALL_MARK = "⚑"


def draw_calls(snapshot: Snapshot | None, width: int, height: int) -> Canvas:
    """Draw one row. A call that waits names its bar. Calls that do not fit are dropped from the right."""
    canvas = Canvas(width, height)
    calls = {call.kind: call for call in snapshot.calls} if snapshot else {}
    right = width
    if snapshot is not None:
        right = canvas.put_right(0, (f" intensity {snapshot.intensity} ", palette.DIM)) if width >= 100 else width
    x = 0
    for key in KEYS:
        if key.group != GROUP or not key.hint:
            continue
        call = calls.get(key.hint)
        word = key.hint if call is None or snapshot is None else f"{key.hint} {_place(call, snapshot)}"
        if x + len(key.shown) + len(word) + 3 > right:
            break
        style = palette.DIM if call is None else palette.SELECTED
        x = canvas.put_spans(x, 0, (f" {key.shown}", palette.KEY), (f" {word} ", style))
    return canvas


def mark_of(snapshot: Snapshot, bar: int) -> str:
    """The mark of a coming call in a bar; "" if there is none."""
    kinds = [
        call.kind
        for call in snapshot.calls
        if call.first_bar <= bar and (bar == call.first_bar or (call.last_bar is not None and bar <= call.last_bar))
    ]
    return f"{CALL_MARK}{' '.join(kinds)}" if kinds else ""


def _place(call: CallView, snapshot: Snapshot) -> str:
    return f"at {bar_label(snapshot, call.first_bar)}" if call.first_bar > snapshot.transport.bar else "on"
