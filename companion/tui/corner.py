"""Panic and closing as buttons in the corner of every overlay, for a mouse or a finger."""

from __future__ import annotations

from rich.text import Text
from textual.events import Click, Key
from textual.screen import ModalScreen, Screen
from textual.widgets import Static

from companion.tui import palette

PANIC, CLOSE = " ! panic ", " esc close "


class Corner(Static):
    """The two buttons."""

    def __init__(self) -> None:
        super().__init__(Text.assemble((PANIC, palette.ALARM), (CLOSE, palette.BUTTON)))

    def on_click(self, event: Click) -> None:
        """Do what the key of the same name does."""
        event.stop()
        key = Key("exclamation_mark", "!") if event.x < len(PANIC) else Key("escape", None)
        self.app.post_message(key)


def put_corner(screen: Screen | None) -> None:
    """Put the buttons on a screen that is an overlay and has none yet."""
    if isinstance(screen, ModalScreen) and screen.is_mounted and not screen.query(Corner):
        screen.mount(Corner())
