"""Buttons that are clicked or tapped: where each one lies, what it says, and which action it stands for. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from companion.session.api.snapshot import CallView, Snapshot
from companion.tui import palette
from companion.tui.canvas import Area, Canvas
from companion.tui.keys import KEYS, Key
from companion.tui.wording import bar_label

GROUP = "Calls"
LEAST_WIDTH = 8  # columns of a button, for a finger
MANY_FROM = 132  # columns from which the less urgent buttons are there too, with their whole words
# A narrow and tall screen is a phone's, which is tapped with a thumb: a few wide buttons in a row, and all of them.
NARROW_BELOW, TALL_FROM, THUMB_COLUMNS = 60, 32, 4
# Words that fit on a button, where the hint of the key is longer.
SHORT = {"drums only": "drums", "solo for me": "solo", "half time": "half", "double time": "double"}


@dataclass(frozen=True, slots=True)
class Button:
    """One button. action: as in the key table. kind: the call that lights it."""

    keys: str
    word: str
    action: str
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Tap:
    """An area of a pane that does something when it is clicked."""

    area: Area
    action: str


def tapped(taps: Sequence[Tap], x: int, y: int) -> str:
    """The action under a point; "" if there is none."""
    for tap in taps:
        area = tap.area
        if area.x <= x < area.x + area.width and area.y <= y < area.y + area.height:
            return tap.action
    return ""


def _of(action: str) -> Key:
    return next(key for key in KEYS if key.action == f"wish('{action}')")


def call_keys() -> list[Key]:
    """The calls that have a place on the row."""
    return [key for key in KEYS if key.group == GROUP and key.hint]


def is_phone(width: int, height: int) -> bool:
    """Whether a screen of this size is a phone's, held upright."""
    return width < NARROW_BELOW and height >= TALL_FROM


def buttons(width: int, height: int) -> list[Button]:
    """Panic first, then the calls. If there is room, and always on a phone, there are buttons for taking back and for starting, too."""
    panic, start, cancel = _of("panic"), _of("toggle"), _of("call_cancel")
    calls = [Button(key.shown, SHORT.get(key.hint, key.hint), key.action, key.hint) for key in call_keys()]
    found = [Button("!", "PANIC", panic.action), *calls]
    if width >= MANY_FROM or is_phone(width, height):
        found = [*found, Button("⌫", "take back", cancel.action), Button("space", "play/stop", start.action)]
    return found


def rows_of_buttons(width: int, height: int) -> int:
    """How many rows of buttons there are on a screen of this size."""
    count = len(buttons(width, height))
    return -(-count // _columns(count, width, height))


def _columns(count: int, width: int, height: int) -> int:
    most = THUMB_COLUMNS if is_phone(width, height) else count
    columns = max(min(most, width // LEAST_WIDTH), 1)
    return -(-count // -(-count // columns))  # as even as the rows allow


def draw_buttons(canvas: Canvas, snapshot: Snapshot | None, y: int, button_height: int) -> list[Tap]:
    """Draw all buttons from row y on; each says its key, its word, and where its call is. Returns where they are."""
    calls = {call.kind: call for call in snapshot.calls} if snapshot else {}
    found = buttons(canvas.width, canvas.height)
    columns = _columns(len(found), canvas.width, canvas.height)
    taps: list[Tap] = []
    for index, button in enumerate(found):
        row, column = divmod(index, columns)
        left, right = column * canvas.width // columns, (column + 1) * canvas.width // columns
        area = Area(left, y + row * button_height, right - left - 1, button_height)
        _draw(canvas, area, button, place_of(calls.get(button.kind), snapshot))
        taps.append(Tap(area, button.action))
    return taps


def _draw(canvas: Canvas, area: Area, button: Button, where: str) -> None:
    panic = button.word == "PANIC"
    style = palette.SELECTED if where else palette.ALARM if panic else palette.BUTTON
    canvas.fill(area, " ", style)
    lines = [button.keys, button.word, where]
    if area.height < len(lines):
        lines = [button.word, where or button.keys]
    for row, line in enumerate(lines[: area.height]):
        canvas.put(area.x, area.y + row, f"▏{line}"[: area.width], style)


def place_of(call: CallView | None, snapshot: Snapshot | None) -> str:
    """Where a call is: the bar in which it begins, or that it is on; "" without one."""
    if call is None or snapshot is None:
        return ""
    return f"at {bar_label(snapshot, call.first_bar)}" if call.first_bar > snapshot.transport.bar else "on"
