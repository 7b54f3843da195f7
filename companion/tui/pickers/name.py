"""A screen that asks for one short text."""

from __future__ import annotations

from typing import Any, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical
from textual.events import Click
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from companion.tui import palette


class NameScreen(ModalScreen[str | None]):
    """Dismisses with the text, or None."""

    BINDINGS: ClassVar[list[Any]] = [Binding("escape", "close", "close")]

    def __init__(self, title: str, value: str) -> None:
        super().__init__(classes="picker")
        self._title, self._value = title, value

    def compose(self) -> ComposeResult:
        with Vertical(classes="box small"):
            yield Static(Text(self._title, style=palette.TITLE), classes="title")
            yield Input(self._value, max_length=64)
            yield Static(Text("enter save   esc close", style=palette.DIM), classes="hint")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter."""
        event.stop()
        self.dismiss(event.value.strip() or None)

    def action_close(self) -> None:
        """Esc."""
        self.dismiss(None)


class Answer(Static):
    """One answer to a question, as a button for a mouse or a finger. action: of the screen."""

    def __init__(self, key: str, word: str, action: str) -> None:
        super().__init__(Text(f"{key} {word}", style=palette.BUTTON, justify="center"), classes="answer")
        self._action = action

    async def on_click(self, event: Click) -> None:
        """Do what the key does."""
        event.stop()
        await self.screen.run_action(self._action)


class ConfirmScreen(ModalScreen[bool]):
    """Asks one question; y, enter or a tap on yes agrees."""

    BINDINGS: ClassVar[list[Any]] = [
        Binding("y,enter,q", "agree", "yes"),
        Binding("n,escape", "decline", "no"),
    ]

    def __init__(self, question: str) -> None:
        super().__init__(classes="picker")
        self._question = question

    def compose(self) -> ComposeResult:
        with Vertical(classes="box small"):
            yield Static(Text(self._question, style=palette.BOLD), classes="question")
            with Horizontal(classes="answers"):
                yield Answer("y", "yes", "agree")
                yield Answer("n", "no", "decline")

    def action_agree(self) -> None:
        """y."""
        self.dismiss(True)

    def action_decline(self) -> None:
        """n."""
        self.dismiss(False)
