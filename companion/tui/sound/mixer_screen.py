"""The mixer on a separate screen at the bottom. Every change is heard at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding
from textual.screen import ModalScreen

from companion.session.api.snapshot import Snapshot
from companion.tui.pane import CanvasPane
from companion.tui.sound.mixer import PAN, USUAL, VOLUME, Mixer, channel_of, draw_mixer


class MixerScreen(ModalScreen[None]):
    """The screen of the mixer. send: passes a message on to the output and the sound."""

    BINDINGS: ClassVar[list[Any]] = [
        Binding("up,k", "choose(-1)", "part above"),
        Binding("down,j", "choose(1)", "part below"),
        Binding("right,l,plus", f"turn({VOLUME}, 1)", "louder"),
        Binding("left,h,minus", f"turn({VOLUME}, -1)", "softer"),
        Binding("less_than_sign,comma", f"turn({PAN}, -1)", "to the left"),
        Binding("greater_than_sign,full_stop", f"turn({PAN}, 1)", "to the right"),
        Binding("0,backspace", "reset", "as usual"),
        Binding("escape,V,q,enter", "close", "done"),
    ]

    def __init__(self, mixer: Mixer, chosen: int, send: Callable[[bytes], None], snapshot: Snapshot | None) -> None:
        super().__init__(classes="dials")
        self._mixer, self._chosen, self._send, self._snapshot = mixer, chosen, send, snapshot

    def compose(self) -> ComposeResult:
        yield CanvasPane(id="mixer")

    def on_mount(self) -> None:
        self.call_after_refresh(self.show, self._snapshot)

    def show(self, snapshot: Snapshot | None) -> None:
        """Take a new picture."""
        self._snapshot = snapshot
        pane = self.query_one(CanvasPane)
        if pane.size.width and pane.size.height:
            pane.paint(draw_mixer(self._mixer, snapshot, self._chosen, pane.size.width, pane.size.height))

    def _channel(self) -> int | None:
        lanes = self._snapshot.lanes if self._snapshot is not None else ()
        return channel_of(lanes[self._chosen]) if self._chosen < len(lanes) else None

    def action_choose(self, by: int) -> None:
        """Choose another part."""
        count = len(self._snapshot.lanes) if self._snapshot is not None else 0
        self._chosen = min(max(self._chosen + by, 0), max(count - 1, 0))
        self.show(self._snapshot)

    def action_turn(self, controller: int, by: int) -> None:
        """Change a value by one step."""
        channel = self._channel()
        if channel is not None:
            self._send(self._mixer.turn(channel, controller, by))
            self.show(self._snapshot)

    def action_reset(self) -> None:
        """Reset a part to a synthesizer's initial values."""
        channel = self._channel()
        if channel is not None:
            for controller, value in USUAL.items():
                self._send(self._mixer.set(channel, controller, value))
            self.show(self._snapshot)

    def action_close(self) -> None:
        """Close the mixer."""
        self.dismiss(None)
