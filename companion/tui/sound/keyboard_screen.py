"""The typing keyboard as a mode of the screen. While it is shown, keys are notes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding
from textual.events import Key
from textual.screen import ModalScreen

from companion.session.api.snapshot import Snapshot
from companion.tui.pane import CanvasPane
from companion.tui.sound.draw import draw_keyboard
from companion.tui.sound.keyboard import Timed, TypingKeyboard

LOOK_SECONDS = 0.02
_OTHER_KEYS = {"left": ("octave", -1), "right": ("octave", 1), "down": ("velocity", -1), "up": ("velocity", 1),
               "minus": ("length", -1), "equals_sign": ("length", 1)}  # fmt: skip


class KeyboardScreen(ModalScreen[None]):
    """The screen of the typing keyboard. play: sends a message with the time of its key. wish: sends the commands of other keys."""

    BINDINGS: ClassVar[list[Any]] = [
        Binding("escape", "leave", "leave", priority=True),
        Binding("space", "ask('toggle')", "start or stop", priority=True),
        Binding("exclamation_mark", "panic", "panic", priority=True),
    ]

    def __init__(
        self,
        keyboard: TypingKeyboard,
        play: Callable[[bytes, float], None],
        wish: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(classes="dials")
        self.keyboard = keyboard
        self._play, self._wish, self._clock = play, wish, clock

    def compose(self) -> ComposeResult:
        yield CanvasPane(id="typing")

    def on_mount(self) -> None:
        self.set_interval(LOOK_SECONDS, self._look)
        self.call_after_refresh(self._draw)

    def on_unmount(self) -> None:
        self._send(self.keyboard.release_all(self._clock()))

    def on_key(self, event: Key) -> None:
        """Play a note, or change octave, velocity or length. The event has the time at which the key was read, not that of this call."""
        event.stop()
        event.prevent_default()
        if event.key in _OTHER_KEYS:
            self._send(self.keyboard.change(*_OTHER_KEYS[event.key], event.time))
        else:
            self._send(self.keyboard.press(event.key, event.time))
        self._draw()

    def show(self, snapshot: Snapshot | None) -> None:
        """Take a new picture. Notes are played on the player's own channel."""
        lanes = snapshot.lanes if snapshot is not None else ()
        mine = next((lane for lane in lanes if lane.role == "human" and not lane.is_drum), None)
        self.keyboard.channel = mine.channel or 0 if mine is not None else 0

    def action_leave(self) -> None:
        """Leave the typing keyboard."""
        self.dismiss(None)

    def action_ask(self, name: str) -> None:
        """Ask the performance for something."""
        self._wish(name)

    def action_panic(self) -> None:
        """End all typed notes, and everything else that sounds."""
        self._send(self.keyboard.release_all(self._clock()))
        self._wish("panic")
        self._draw()

    def _look(self) -> None:
        before = self.keyboard.sounding
        self._send(self.keyboard.look(self._clock()))
        if self.keyboard.sounding != before:
            self._draw()

    def _send(self, messages: list[Timed]) -> None:
        for at, data in messages:
            self._play(data, at)

    def _draw(self) -> None:
        pane = self.query_one(CanvasPane)
        if pane.size.width and pane.size.height:
            pane.paint(draw_keyboard(self.keyboard, pane.size.width, pane.size.height))
