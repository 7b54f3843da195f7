"""The mixer on a separate screen at the bottom. Every change is heard at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding
from textual.screen import ModalScreen

from companion.session.api.commands import Command
from companion.session.api.snapshot import LaneView, Snapshot
from companion.tui.controls.knobs import learn
from companion.tui.pane import CanvasPane
from companion.tui.sound.mixer import draw_mixer, reset, turn


class MixerScreen(ModalScreen[None]):
    """The screen of the mixer. send: passes a command on to the performance."""

    BINDINGS: ClassVar[list[Any]] = [
        Binding("up,k", "choose(-1)", "part above"),
        Binding("down,j", "choose(1)", "part below"),
        Binding("right,l,plus", "turn('volume', 1)", "louder"),
        Binding("left,h,minus", "turn('volume', -1)", "softer"),
        Binding("less_than_sign,comma", "turn('pan', -1)", "to the left"),
        Binding("greater_than_sign,full_stop", "turn('pan', 1)", "to the right"),
        Binding("n", "learn('volume')", "a knob for the volume"),
        Binding("N", "learn('pan')", "a knob for the pan"),
        Binding("0,backspace", "reset", "as usual"),
        Binding("escape,V,q,enter", "close", "done"),
    ]

    def __init__(self, chosen: int, send: Callable[[Command], None], snapshot: Snapshot | None) -> None:
        super().__init__(classes="dials")
        self._chosen, self._send, self._snapshot = chosen, send, snapshot

    def compose(self) -> ComposeResult:
        yield CanvasPane(id="mixer")

    def on_mount(self) -> None:
        self.call_after_refresh(self.show, self._snapshot)

    def show(self, snapshot: Snapshot | None) -> None:
        """Take a new picture."""
        self._snapshot = snapshot
        pane = self.query_one(CanvasPane)
        if pane.size.width and pane.size.height:
            pane.paint(draw_mixer(snapshot, self._chosen, pane.size.width, pane.size.height))

    def _lane(self) -> LaneView | None:
        lanes = self._snapshot.lanes if self._snapshot is not None else ()
        return lanes[self._chosen] if self._chosen < len(lanes) else None

    def action_choose(self, by: int) -> None:
        """Choose another part."""
        count = len(self._snapshot.lanes) if self._snapshot is not None else 0
        self._chosen = min(max(self._chosen + by, 0), max(count - 1, 0))
        self.show(self._snapshot)

    def action_turn(self, level: str, by: int) -> None:
        """Change a part's volume or pan by one step."""
        if (lane := self._lane()) is not None:
            self._send(turn(lane, level, by))

    def action_learn(self, level: str) -> None:
        """The next knob that moves turns a part's volume or pan."""
        if (lane := self._lane()) is not None:
            for wish in learn(level, lane.index):
                self._send(wish)

    def action_reset(self) -> None:
        """Reset a part to a synthesizer's initial values."""
        if (lane := self._lane()) is not None:
            for wish in reset(lane):
                self._send(wish)

    def action_close(self) -> None:
        """Close the mixer."""
        self.dismiss(None)
