"""The zones of the keyboard on a separate screen at the bottom. Every change holds for the next key that goes down."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding
from textual.screen import ModalScreen

from companion.session.api.commands import Command, command
from companion.session.api.settings import Zone
from companion.session.api.snapshot import Snapshot
from companion.tui.controls.zones import FIELDS, changed, draw_zones, edits, fault, in_order, new_zone, own_parts, wish
from companion.tui.pane import CanvasPane

NONE_FREE = "every key has a zone: make one smaller first"
NEW_PART = "there it is: choose it with + in the column plays"


class ZonesScreen(ModalScreen[None]):
    """The screen of the zones. send: passes a command on. add_part: lets the player choose a new part of their own."""

    BINDINGS: ClassVar[list[Any]] = [
        Binding("up,k", "choose(-1)", "zone above"),
        Binding("down,j", "choose(1)", "zone below"),
        Binding("left,h", "field(-1)", "field before"),
        Binding("right,l,tab", "field(1)", "next field"),
        Binding("plus,equals_sign,space", "change(1)", "more"),
        Binding("minus", "change(-1)", "less"),
        Binding("greater_than_sign,full_stop", "change(1, True)", "an octave up"),
        Binding("less_than_sign,comma", "change(-1, True)", "an octave down"),
        Binding("n", "new", "a new zone"),
        Binding("N", "new_part", "a new part of yours"),
        Binding("D,delete", "remove", "remove the zone"),
        Binding("u", "undo", "undo"),
        Binding("escape,Z,q,enter", "close", "done"),
    ]

    def __init__(
        self, send: Callable[[Command], None], add_part: Callable[[], None], snapshot: Snapshot | None
    ) -> None:
        super().__init__(classes="dials")
        self._send, self._add_part, self._snapshot = send, add_part, snapshot
        self._chosen, self._field, self._said = "", 0, ""

    def compose(self) -> ComposeResult:
        yield CanvasPane(id="zones")

    def on_mount(self) -> None:
        self.call_after_refresh(self.show, self._snapshot)

    def show(self, snapshot: Snapshot | None) -> None:
        """Take a new picture."""
        self._snapshot = snapshot
        zones = self._zones()
        if zones and all(zone.name != self._chosen for zone in zones):
            self._chosen = zones[0].name
        pane = self.query_one(CanvasPane)
        if pane.size.width and pane.size.height:
            field = FIELDS[self._field]
            pane.paint(draw_zones(snapshot, self._chosen, field, self._said, pane.size.width, pane.size.height))

    def _zones(self) -> tuple[Zone, ...]:
        return in_order(self._snapshot.zones) if self._snapshot is not None else ()

    def _zone(self) -> Zone | None:
        return next((zone for zone in self._zones() if zone.name == self._chosen), None)

    def action_choose(self, by: int) -> None:
        """Choose another zone."""
        zones, zone = self._zones(), self._zone()
        if zone is not None:
            self._chosen = zones[min(max(zones.index(zone) + by, 0), len(zones) - 1)].name
        self._say("")

    def action_field(self, by: int) -> None:
        """Choose another field."""
        self._field = (self._field + by) % len(FIELDS)
        self._say("")

    def action_change(self, steps: int, far: bool = False) -> None:
        """Change the chosen field of the chosen zone."""
        snapshot, zone = self._snapshot, self._zone()
        if snapshot is None or zone is None:
            return
        parts = [lane.index for lane in own_parts(snapshot)]
        wanted = changed(zone, FIELDS[self._field], steps, parts, far=far)
        changes = edits(snapshot.zones, zone, wanted)
        trouble = fault(snapshot, changes)
        if not trouble and wanted != zone:
            for each in changes:
                self._send(wish(each))
        self._say(trouble)

    def action_new(self) -> None:
        """Make a zone of keys that have none."""
        zone = new_zone(self._snapshot.zones) if self._snapshot is not None else None
        trouble = NONE_FREE if zone is None or self._snapshot is None else fault(self._snapshot, [zone])
        if zone is not None and not trouble:
            self._chosen = zone.name
            self._send(wish(zone))
        self._say(trouble)

    def action_new_part(self) -> None:
        """Add a part of the player's own, for a zone to play."""
        self._add_part()
        self._say(NEW_PART)

    def action_remove(self) -> None:
        """Remove the chosen zone."""
        if (zone := self._zone()) is not None:
            self._send(command("remove_zone", name=zone.name))
        self._say("")

    def action_undo(self) -> None:
        """Undo the last change."""
        self._send(command("undo"))
        self._say("")

    def action_close(self) -> None:
        """Close the table."""
        self.dismiss(None)

    def _say(self, text: str) -> None:
        self._said = text
        self.show(self._snapshot)
