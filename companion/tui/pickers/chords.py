"""The chord editor: a progression, or the chords of one bar, typed as in a chart and checked while typing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from companion.errors import UsageError
from companion.session.api.commands import Command
from companion.session.api.snapshot import ChordsView
from companion.session.api.song_commands import SetChord, SetProgression
from companion.tui import palette

LONGEST_TEXT = 4000


class ChordScreen(ModalScreen[None]):
    """Sends the typed chords, and stays open if they cannot be read. bar: a session bar with its label; None = the progression."""

    BINDINGS: ClassVar[list[Any]] = [
        Binding("escape", "close", "close"),
        Binding("ctrl+l", "switch_loop", "loop", priority=True),
    ]

    def __init__(
        self, chords: ChordsView, send: Callable[[Command], object], bar: tuple[int, str] | None = None
    ) -> None:
        super().__init__(classes="picker")
        self._send, self._bar = send, bar
        self._loop = chords.loop
        self._text = chords.progression if bar is None else chords_of(chords, bar[0])

    def compose(self) -> ComposeResult:
        title = (
            "Chords to play over" if self._bar is None else f"Chords of bar {self._bar[1]}, here and where it returns"
        )
        with Vertical(classes="box small"):
            yield Static(Text(title, style=palette.TITLE), classes="title")
            yield Input(
                self._text, max_length=LONGEST_TEXT, placeholder="Dm7 | G7 | Cmaj7 | A7alt", select_on_focus=False
            )
            yield Static(id="remark")
            yield Static(Text(self._hint(), style=palette.DIM), classes="hint", id="hint")

    def on_mount(self) -> None:
        self._show_remark(self._text)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Show errors while typing."""
        self._show_remark(event.value)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter."""
        event.stop()
        text = event.value.strip()
        if _fault(text, one_bar=self._bar is not None):
            return
        if self._bar is None:
            self._send(SetProgression(text, self._loop))
        elif text:
            self._send(SetChord(self._bar[0], text))
        self.dismiss()

    def action_switch_loop(self) -> None:
        """Switch between repeating and playing once."""
        self._loop = not self._loop
        self.query_one("#hint", Static).update(Text(self._hint(), style=palette.DIM))

    def action_close(self) -> None:
        """Esc."""
        self.dismiss()

    def _hint(self) -> str:
        loop = "" if self._bar is not None else f"   ctrl+l {'round and round' if self._loop else 'once'}"
        return f"enter play it{loop}   esc close"

    def _show_remark(self, text: str) -> None:
        fault = _fault(text.strip(), one_bar=self._bar is not None)
        style = palette.BAD if fault else palette.DIM
        self.query_one("#remark", Static).update(Text(fault or _summary(text.strip(), self._bar is None), style=style))


def chords_of(chords: ChordsView, bar: int) -> str:
    """The chords of a bar as they would be typed."""
    spans = next((place.spans for place in chords.bars if place.bar == bar), ())
    return " ".join(span.chord.text if span.chord else "N.C." for span in spans)


def _read(text: str) -> Sequence[object]:
    """The bars of a progression. The reader of charts is imported when the first chord is typed. Raises UsageError."""
    from companion.session.chords.written import read_progression

    return read_progression(text)


def _fault(text: str, *, one_bar: bool) -> str:
    if not text:
        return ""
    try:
        bars = _read(f"| {text} |" if one_bar else text)
    except UsageError as error:
        return str(error)
    return "one bar's chords, please" if one_bar and len(bars) != 1 else ""


def _summary(text: str, whole: bool) -> str:
    if not text:
        return "nothing: chords are listened for" if whole else ""
    count = len(_read(text)) if whole else 1
    return f"{count} bar{'s' * (count != 1)}"
