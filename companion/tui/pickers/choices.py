"""The screen for every choice. It has sections of options and marks the current ones. Typing filters, Enter chooses, Esc closes.

A function of the newest snapshot gives the options, so they follow what the performance can do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.events import Key
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from companion.session.api.snapshot import Snapshot
from companion.tui import palette


@dataclass(frozen=True, slots=True)
class Choice:
    """One option: its text, its value, whether it is the current one, and a remark."""

    label: str
    value: Any
    current: bool = False
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """Options under a heading. `name` tells `on_choose` which section was used."""

    name: str
    heading: str
    choices: tuple[Choice, ...]
    empty: str = "none"


Offer = Callable[[Snapshot | None], Sequence[Section]]


class ChoiceScreen(ModalScreen[None]):
    """Shows an offer. on_choose(section name, value) is called for every choice; the screen stays open if `stay`."""

    BINDINGS: ClassVar[list[Any]] = [Binding("escape", "close", "close")]

    def __init__(
        self, title: str, offer: Offer, on_choose: Callable[[str, Any], None], *, stay: bool = False, hint: str = ""
    ) -> None:
        super().__init__(classes="picker")
        self._title, self._offer, self._on_choose, self._stay = title, offer, on_choose, stay
        self._hint = hint or "↑↓ move   enter choose   type to filter   esc close"
        self._filter = ""
        self._shown: tuple[Section, ...] = ()
        self._snapshot: Snapshot | None = None
        self._values: dict[str, tuple[str, Any]] = {}

    def compose(self) -> ComposeResult:
        with Vertical(classes="box"):
            yield Static(Text(self._title, style=palette.TITLE), classes="title")
            yield OptionList(id="options")
            yield Static(Text(self._hint, style=palette.DIM), classes="hint")

    def on_mount(self) -> None:
        self.show(self._snapshot)

    def show(self, snapshot: Snapshot | None) -> None:
        """Show a new snapshot. The list is rebuilt only if the options have changed."""
        self._snapshot = snapshot
        sections = tuple(self._offer(snapshot))
        if sections != self._shown and self.is_mounted:
            self._shown = sections
            self._rebuild()

    def offer_again(self) -> None:
        """Rebuild the list when the options have changed for another reason than a new snapshot."""
        self.show(self._snapshot)

    def _rebuild(self) -> None:
        options = self.query_one(OptionList)
        highlighted = options.highlighted
        chosen = options.get_option_at_index(highlighted).id if highlighted is not None else None
        options.clear_options()
        self._values.clear()
        current = None
        for section in self._shown:
            options.add_option(Option(Text(section.heading, style=palette.TITLE), disabled=True))
            for choice in self._matching(section):
                name = f"{section.name}-{len(self._values)}"
                self._values[name] = (section.name, choice.value)
                options.add_option(Option(_line(choice), id=name))
                current = current or (name if choice.current else None)
            if not section.choices:
                options.add_option(Option(Text(f"  {section.empty}", style=palette.DIM), disabled=True))
        goal = chosen if chosen in self._values and not self._filter else current or next(iter(self._values), None)
        if goal is not None and goal in self._values:
            options.highlighted = options.get_option_index(goal)

    def _matching(self, section: Section) -> list[Choice]:
        # Spaces are not typed into the filter, so they do not count in the labels either: "4bars" finds "4 bars".
        return [choice for choice in section.choices if self._filter in "".join(choice.label.lower().split())]

    def on_key(self, event: Key) -> None:
        """Letters filter the list."""
        if event.key == "backspace":
            wanted = self._filter[:-1]
        elif event.character and event.character.isprintable() and not event.character.isspace():
            wanted = self._filter + event.character.lower()
        else:
            return
        event.stop()
        self._filter = wanted
        self._rebuild()
        text = f"filter: {wanted}" if wanted else self._hint
        self.query_one(".hint", Static).update(Text(text, style=palette.KEY if wanted else palette.DIM))

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Enter or a click."""
        event.stop()
        if event.option_id is None:
            return
        section, value = self._values[event.option_id]
        if not self._stay:
            self.dismiss()
        self._on_choose(section, value)

    def action_close(self) -> None:
        """Esc."""
        self.dismiss()


def _line(choice: Choice) -> Text:
    line = Text("● " if choice.current else "○ ", style=palette.GOOD if choice.current else palette.DIM)
    line.append(choice.label, style=palette.BOLD if choice.current else palette.PLAIN)
    if choice.remark:
        line.append(f"  {choice.remark}", style=palette.DIM)
    return line
