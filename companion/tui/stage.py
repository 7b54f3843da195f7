"""The main screen: panes for every area, the keys, and the pickers. It only draws pictures and sends wishes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.css.scalar import Scalar
from textual.events import Click, Key, Resize
from textual.screen import Screen

from companion.session.api.events import command
from companion.session.api.snapshot import Snapshot
from companion.tui import palette
from companion.tui.afar.draw import draw_stage
from companion.tui.calls.buttons import Tap, tapped
from companion.tui.calls.draw import draw_calls
from companion.tui.canvas import Canvas
from companion.tui.controls.commands import commands_for
from companion.tui.controls.echo import echo
from companion.tui.controls.screen import DialScreen
from companion.tui.controls.zones_screen import ZonesScreen
from companion.tui.help.screen import HelpScreen
from companion.tui.hints import draw_hints
from companion.tui.keys import KEYS, PRACTICE, ROLL, STAGE
from companion.tui.lanes.draw import LanesPainter, Selection
from companion.tui.lanes.grid import lane_at
from companion.tui.pane import CanvasPane
from companion.tui.pickers.choices import ChoiceScreen
from companion.tui.pickers.menus import MenuActions
from companion.tui.pickers.name import ConfirmScreen
from companion.tui.pickers.offers import call_sections
from companion.tui.practice.draw import draw_line, draw_practice, needed_rows
from companion.tui.sound.keyboard_screen import KeyboardScreen
from companion.tui.sound.mixer_screen import MixerScreen
from companion.tui.status.draw import COLUMN_WIDTH, STRIP_ROWS, draw_column, draw_strip
from companion.tui.transport.draw import BIG_ROWS, SMALL_ROWS, draw_transport
from companion.tui.transport.set_list import draw_set_list

if TYPE_CHECKING:
    from companion.tui.app import CompanionApp

TALL_FROM, WIDE_FROM, CALLS_FROM = 30, 116, 24
MIN_LANES_ROWS = 13


class Stage(MenuActions, Screen[None]):
    """The screen that the player sees. `show(snapshot, health)` draws it, and keys call `app.send`."""

    BINDINGS: ClassVar[list[Any]] = [key.binding() for key in KEYS if not key.urgent]
    app: CompanionApp  # pyright: ignore[reportIncompatibleMethodOverride]

    def __init__(self, *, stage_view: bool = False) -> None:
        """stage_view: begin with the view that is read from a metre away."""
        super().__init__()
        self.selection = Selection()
        self.stage_view = stage_view
        self.practice_view: bool | None = None  # None: as the performance suggests, until the player chooses
        self._painter = LanesPainter()
        self._shown: object = None
        self._taps: dict[str, list[Tap]] = {}
        self.is_ready = False

    def compose(self) -> ComposeResult:
        yield CanvasPane(id="afar")
        with Vertical(id="near"):
            yield CanvasPane(id="transport")
            yield CanvasPane(id="set")
            yield CanvasPane(id="song")
            with Horizontal(id="middle"):
                with Vertical(id="body"):
                    yield CanvasPane(id="practice")
                    yield CanvasPane(id="lanes")
                yield CanvasPane(id="column")
            yield CanvasPane(id="strip")
            yield CanvasPane(id="calls")
        yield CanvasPane(id="hints")

    def on_mount(self) -> None:
        self._panes = {str(pane.id): pane for pane in self.query(CanvasPane)}
        self._body, self._near = self.query_one("#body"), self.query_one("#near")
        self.is_ready = True
        self._fit(self.app.size.width, self.app.size.height)

    def on_unmount(self) -> None:
        self.is_ready = False

    def on_resize(self, event: Resize) -> None:
        """Give small terminals a strip below the lanes, and large ones a column beside them and large digits."""
        self._fit(event.size.width, event.size.height)
        self._shown = None
        self.call_after_refresh(self.app.draw)

    def _fit(self, width: int, height: int) -> None:
        tall, wide = height >= TALL_FROM, width >= WIDE_FROM and height >= TALL_FROM
        self._panes["transport"].styles.height = BIG_ROWS if tall else SMALL_ROWS
        self._panes["column"].display = wide
        self._panes["column"].styles.width = COLUMN_WIDTH
        self._panes["calls"].display = height >= CALLS_FROM
        self._panes["strip"].display = not wide
        self._panes["strip"].styles.height = STRIP_ROWS

    # --- drawing ---------------------------------------------------------------------------------------------------

    def shows_practice(self, snapshot: Snapshot | None) -> bool:
        """Whether the practice view is shown instead of the piano roll."""
        if self.practice_view is None:
            return snapshot is not None and snapshot.practice is not None
        return self.practice_view

    def show(self, snapshot: Snapshot | None, health: str) -> None:
        """Draw a picture, unless it is already shown."""
        self._keep_selection_valid(snapshot)
        said, answer = self.app.said(), self.app.echo()
        shown = (
            id(snapshot),
            snapshot and snapshot.now_seconds,
            health,
            self.selection,
            self.practice_view,
            self.stage_view,
            said,
            answer,
        )
        if shown == self._shown and snapshot is not None:
            return
        self._shown = shown
        self._arrange(snapshot)
        view = self._view(snapshot)
        if self.stage_view:
            self._paint_tapped("afar", lambda width, height: draw_stage(snapshot, health, width, height))
            self._paint_tapped(
                "hints", lambda width, height: draw_hints(width, height, snapshot, view=view, echo=answer)
            )
            return
        self._paint("transport", lambda width, height: draw_transport(snapshot, health, width, height))
        self._paint("set", lambda width, height: draw_set_list(snapshot, width, height))
        self._paint("song", lambda width, height: draw_line(snapshot, width))
        self._paint("practice", lambda width, height: draw_practice(snapshot, self.selection, width, height))
        self._paint("column", lambda width, height: draw_column(snapshot, width, height, said))
        self._paint("strip", lambda width, height: draw_strip(snapshot, width, height, said))
        self._paint_tapped("calls", lambda width, height: draw_calls(snapshot, width, height))
        self._paint_tapped("hints", lambda width, height: draw_hints(width, height, snapshot, view=view, echo=answer))
        if snapshot is not None:
            self._paint("lanes", lambda width, height: self._painter.draw(snapshot, self.selection, width, height))
        else:
            self._paint("lanes", draw_waiting)

    def _view(self, snapshot: Snapshot | None) -> str:
        """Which of the views is shown, as the table of keys names them."""
        return STAGE if self.stage_view else PRACTICE if self.shows_practice(snapshot) else ROLL

    def _arrange(self, snapshot: Snapshot | None) -> None:
        """Decide which panes are shown. A tall screen has room for the practice view and the lanes below it."""
        if self._panes["afar"].display != self.stage_view:
            self._panes["afar"].display, self._near.display = self.stage_view, not self.stage_view
            self._shown = None
        practising = self.shows_practice(snapshot)
        has_song = snapshot is not None and snapshot.practice is not None
        body = self._body.size
        needed = needed_rows(snapshot, body.width) if practising and snapshot is not None else 0
        both = practising and has_song and body.height - needed >= MIN_LANES_ROWS
        has_set = snapshot is not None and snapshot.set_list is not None
        visible = {
            "set": has_set,
            "song": has_song and not practising,
            "practice": practising,
            "lanes": both or not practising,
        }
        for name, up in visible.items():
            pane = self._panes[name]
            height = str(needed) if name == "practice" and both else "1" if name in ("song", "set") else "1fr"
            if pane.display != up or pane.styles.height != Scalar.parse(height):
                pane.display, pane.styles.height = up, height
                self._shown = None  # sizes change: draw again once they are known

    def _paint(self, name: str, draw: Callable[[int, int], Canvas]) -> None:
        pane = self._panes[name]
        if pane.display and pane.size.width and pane.size.height:
            pane.paint(draw(pane.size.width, pane.size.height))

    def _paint_tapped(self, name: str, draw: Callable[[int, int], tuple[Canvas, list[Tap]]]) -> None:
        """Paint a pane that has buttons, and remember where they are."""

        def canvas(width: int, height: int) -> Canvas:
            drawn, self._taps[name] = draw(width, height)
            return drawn

        self._paint(name, canvas)

    def _keep_selection_valid(self, snapshot: Snapshot | None) -> None:
        if snapshot is None:
            return
        lane = min(self.selection.lane, max(len(snapshot.lanes) - 1, 0))
        bar = self.selection.bar
        known = [view.bar for view_lane in snapshot.lanes for view in view_lane.bars]
        if bar is not None and known and bar < min(known):
            bar = None  # it has scrolled away
        self.selection = Selection(lane, bar)

    # --- keys ------------------------------------------------------------------------------------------------------

    def action_wish(self, name: str) -> None:
        """Ask the performance for what a key stands for."""
        snapshot = self.app.picture
        if snapshot is None:
            self.app.say("still starting …")
            return
        wishes = commands_for(name, snapshot, self.selection)
        self.app.say(echo(name, snapshot, self.selection, wishes))
        for wish in wishes:
            self.app.send(wish)

    def action_calls(self) -> None:
        """Show all calls in a list, for terminals without function keys."""
        screen = ChoiceScreen("Call", lambda snapshot: call_sections(), lambda section, name: self.action_wish(name))
        self.app.push_screen(screen)

    def action_move_lane(self, by: int) -> None:
        """Choose another part."""
        snapshot = self.app.picture
        if snapshot is not None and snapshot.lanes:
            lane = min(max(self.selection.lane + by, 0), len(snapshot.lanes) - 1)
            self.selection = replace(self.selection, lane=lane)
            self.app.draw()

    def action_move_bar(self, by: int) -> None:
        """Choose another bar, within what is on screen."""
        snapshot, grid = self.app.picture, self._painter.grid
        if snapshot is None or grid is None:
            return
        now = snapshot.transport.bar
        wanted = (now + 1 if by > 0 else now) if self.selection.bar is None else self.selection.bar + by
        bar = min(max(wanted, grid.first), grid.first + grid.count - 1)
        self.selection = replace(self.selection, bar=bar)
        self.app.draw()

    def action_dismiss_choice(self) -> None:
        """Go back to the next bar, and cancel learning."""
        self.selection = replace(self.selection, bar=None)
        if self.app.picture is not None and self.app.picture.learning:
            self.app.send(command("learn", action=""))
        self.app.draw()

    def action_switch_view(self) -> None:
        """Switch between the piano roll and the practice view."""
        self.practice_view = not self.shows_practice(self.app.picture)
        self.app.draw()

    def action_switch_stage(self) -> None:
        """Switch between the stage view and the others."""
        self.stage_view = not self.stage_view
        self.app.draw()
        self.call_after_refresh(self.app.draw)  # the size of a pane is known once it is shown

    def action_edit_attributes(self) -> None:
        """Open the dials."""

        def take(selection: Selection | None) -> None:
            self.selection = selection or self.selection

        self.app.push_screen(DialScreen(self.selection, self.app.send, self.app.picture), take)

    def action_open_keyboard(self) -> None:
        """Open the typing keyboard: keys are notes from now on."""
        screen = KeyboardScreen(self.app.keyboard, self.app.play_key, self.action_wish)
        screen.show(self.app.picture)
        self.app.push_screen(screen)

    def action_open_mixer(self) -> None:
        """Open the mixer: volume and pan."""
        self.app.push_screen(MixerScreen(self.selection.lane, self.app.send, self.app.picture))

    def action_open_zones(self) -> None:
        """Open the zones of the keyboard."""
        self.app.push_screen(ZonesScreen(self.app.send, self.action_add_own_part, self.app.picture))

    def action_find(self) -> None:
        """Open the command palette."""
        self.app.finder.open()

    def action_help(self) -> None:
        """Show all keys."""
        self.app.push_screen(HelpScreen())

    def action_ask_quit(self) -> None:
        """Quit, but ask first while music is running. An attached screen only leaves."""
        snapshot = self.app.picture
        runs = snapshot is not None and snapshot.transport.state in ("running", "lost")
        if self.app.feed.ended or snapshot is None or not (runs or self.app.attached):
            self.app.exit(0)
            return
        question = (
            "Detach this screen? The performance goes on." if self.app.attached else "The music is running. Quit?"
        )
        self.app.push_screen(ConfirmScreen(question), lambda sure: self.app.exit(0) if sure else None)

    def on_key(self, event: Key) -> None:
        """A digit recalls the snapshot of that name."""
        if event.key in "123456789":
            self.action_recall(event.key)

    async def on_click(self, event: Click) -> None:
        """Press the button under the mouse, or choose the part and bar there."""
        action = tapped(self._taps.get(str(event.widget.id), ()), event.x, event.y) if event.widget is not None else ""
        if action:
            await self.run_action(action)
            return
        snapshot, grid, pane = self.app.picture, self._painter.grid, self._panes["lanes"]
        if snapshot is None or grid is None or event.widget is not pane:
            return
        lane = lane_at(self._painter.rows, event.y)
        if lane is not None:
            self.selection = Selection(lane, grid.bar_at(event.x))
            self.app.draw()


def draw_waiting(width: int, height: int) -> Canvas:
    """Draw what is shown instead of the lanes before the first picture."""
    canvas = Canvas(width, height)
    text = "loading checkpoint…"
    canvas.put(max((width - len(text)) // 2, 0), height // 2, text, palette.DIM)
    return canvas
