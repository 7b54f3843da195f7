"""Every key with what it does, and what the marks in the lanes mean."""

from __future__ import annotations

from typing import Any, ClassVar

from rich.console import Group
from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from companion.tui import palette
from companion.tui.keys import GROUPS, KEYS

LEGEND = (
    ("⠤⠤⠤", "played: history"),
    ("▀▀▀", "committed: will sound as shown"),
    ("▘▘▘", "tentative: may still change"),
    ("╱╱╱", "hidden: your bars to come"),
    (palette.ORIGIN_MARKS["fresh"], "fresh: made for this bar, in time"),
    (palette.ORIGIN_MARKS["older"], "older: an earlier plan for this bar"),
    (palette.ORIGIN_MARKS["variation"], "variation of our last bar"),
    (palette.ORIGIN_MARKS["rest"], "rest: nothing was ready"),
    (palette.ORIGIN_MARKS["kept"], "kept: repeats on your wish"),
    (palette.ORIGIN_MARKS["written"], "written in the song"),
    (palette.LOCK_MARK, "locked: will not be changed"),
    (palette.REWRITTEN_MARK, "its rest was written anew: you played another chord"),
)


def help_lines() -> list[tuple[str, list[tuple[str, str]]]]:
    """(heading, [(keys, what they do)]) made from the key table."""
    groups = [(group, [(key.shown, key.help) for key in KEYS if key.group == group]) for group in GROUPS]
    return [*groups, ("Marks in the lanes", list(LEGEND))]


class HelpScreen(ModalScreen[None]):
    """The help screen. It scrolls, and any of the usual keys closes it."""

    BINDINGS: ClassVar[list[Any]] = [
        Binding("escape,question_mark,q,enter", "close", "close"),
        Binding("space,pagedown", "page(1)", "next page", priority=True),
        Binding("b,pageup", "page(-1)", "page before", priority=True),
    ]

    def __init__(self) -> None:
        super().__init__(classes="picker help")

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="box"):
            yield Static(_page())

    def action_close(self) -> None:
        """Close the screen."""
        self.dismiss()

    def action_page(self, by: int) -> None:
        """Scroll a page up or down."""
        scroll = self.query_one(VerticalScroll)
        scroll.scroll_relative(y=by * max(scroll.size.height - 2, 1), animate=False)


def _page() -> Group:
    parts: list[Text | Table] = [Text("keys          ↑↓ scroll   esc close", style=palette.DIM)]
    for heading, lines in help_lines():
        table = Table.grid(padding=(0, 2))
        table.add_column(width=9, justify="right")
        table.add_column()
        for keys, meaning in lines:
            table.add_row(Text(keys, style=palette.KEY), Text(meaning, style=palette.PLAIN))
        parts += [Text(f"\n{heading}", style=palette.TITLE), table]
    return Group(*parts)
