"""The row of the set list: what is on, what comes next, and the notes to self. Pure."""

from __future__ import annotations

from companion.session.api.snapshot import Snapshot
from companion.tui import palette
from companion.tui.canvas import Canvas


def draw_set_list(snapshot: Snapshot | None, width: int, height: int) -> Canvas:
    """Draw one row. What comes next stands at the right, and the notes get the room between."""
    canvas = Canvas(width, height)
    entry = snapshot.set_list if snapshot is not None else None
    if entry is None:
        return canvas
    following = f" next: {entry.following} " if entry.following else " the last one "
    right = canvas.put_right(0, (following, palette.DIM)) if len(following) <= width // 2 else width
    place, title = f" {entry.number + 1}/{entry.count} ", entry.title
    x = canvas.put_spans(0, 0, (place, palette.KEY), (title[: max(right - len(place), 0)], palette.TITLE))
    notes = "  ".join(entry.notes)
    room = right - x - 3
    if notes and room > 3:
        shown = notes if len(notes) <= room else f"{notes[: room - 1]}…"
        canvas.put_spans(x, 0, ("  ", palette.DIM), (shown, palette.HUMAN))
    return canvas
