"""The dials on their own screen at the bottom, so that the lanes stay visible while a dial is turned."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding
from textual.screen import ModalScreen

from companion.session.api.events import Command
from companion.session.api.snapshot import Snapshot
from companion.tui.controls.commands import selected_lane
from companion.tui.controls.dials import Dial, dials, draw_dials, release, turn
from companion.tui.controls.knobs import change, knob_of, learn
from companion.tui.lanes.draw import Selection
from companion.tui.pane import CanvasPane


class DialScreen(ModalScreen[Selection]):
    """Turns dials; every turn is sent at once. Dismisses with the selection it ended on."""

    BINDINGS: ClassVar[list[Any]] = [
        Binding("up,k", "choose(-1)", "dial above"),
        Binding("down,j", "choose(1)", "dial below"),
        Binding("right,plus,l", "turn(1)", "more"),
        Binding("left,minus,h", "turn(-1)", "less"),
        Binding("backspace,delete,0", "release", "free"),
        Binding("tab", "next_part(1)", "next part"),
        Binding("shift+tab", "next_part(-1)", "part before"),
        Binding("n", "learn_knob", "learn a knob"),
        Binding("left_parenthesis", "change_knob('low')", "the knob's lower end here"),
        Binding("right_parenthesis", "change_knob('high')", "the knob's upper end here"),
        Binding("r", "change_knob('reverse')", "reverse the knob"),
        Binding("c", "change_knob('curve')", "the knob's curve"),
        Binding("p", "change_knob('pickup')", "pick-up or jump"),
        Binding("x", "change_knob('forget')", "forget the knob"),
        Binding("escape,a,q,enter", "close", "close"),
    ]

    def __init__(self, selection: Selection, send: Callable[[Command], None], snapshot: Snapshot | None) -> None:
        super().__init__(classes="dials")
        self._selection, self._send, self._snapshot = selection, send, snapshot
        self._chosen = 0

    def compose(self) -> ComposeResult:
        yield CanvasPane(id="dials")

    def on_mount(self) -> None:
        self.call_after_refresh(self.show, self._snapshot)

    def show(self, snapshot: Snapshot | None) -> None:
        """Show a new snapshot."""
        self._snapshot = snapshot
        pane = self.query_one(CanvasPane)
        pane.paint(draw_dials(snapshot, self._selection, self._chosen, pane.size.width, pane.size.height))

    def _dials(self) -> list[Dial]:
        return dials(self._snapshot, self._selection) if self._snapshot is not None else []

    def action_choose(self, by: int) -> None:
        """Choose another dial."""
        self._chosen = min(max(self._chosen + by, 0), max(len(self._dials()) - 1, 0))
        self.show(self._snapshot)

    def action_turn(self, by: int) -> None:
        """Turn the dial by one step."""
        found = self._dials()
        if self._snapshot is not None and self._chosen < len(found):
            for wish in turn(self._snapshot, self._selection, found[self._chosen], by):
                self._send(wish)

    def action_release(self) -> None:
        """Leave the attribute to the model."""
        found = self._dials()
        if self._snapshot is not None and self._chosen < len(found):
            for wish in release(self._snapshot, self._selection, found[self._chosen]):
                self._send(wish)

    def action_next_part(self, by: int) -> None:
        """Choose the next lane."""
        if self._snapshot is not None and self._snapshot.lanes:
            lane = (self._selection.lane + by) % len(self._snapshot.lanes)
            self._selection = replace(self._selection, lane=lane)
            self._chosen = min(self._chosen, max(len(self._dials()) - 1, 0))
            self.show(self._snapshot)

    def action_learn_knob(self) -> None:
        """The next knob that moves turns this dial."""
        if (found := self._found()) is not None:
            for wish in learn(found.name, self._track(found)):
                self._send(wish)

    def action_change_knob(self, key: str) -> None:
        """Change the knob of this dial."""
        found = self._found()
        if found is not None and self._snapshot is not None:
            for wish in change(knob_of(self._snapshot, found.name, self._track(found)), key, found.stands_at):
                self._send(wish)

    def _found(self) -> Dial | None:
        """The chosen dial."""
        found = self._dials()
        return found[self._chosen] if self._chosen < len(found) else None

    def _track(self, dial: Dial) -> int | None:
        """The part that a dial belongs to."""
        lane = selected_lane(self._snapshot, self._selection) if self._snapshot is not None else None
        return lane.index if dial.of_part and lane is not None else None

    def action_close(self) -> None:
        """Close the screen."""
        self.dismiss(self._selection)
