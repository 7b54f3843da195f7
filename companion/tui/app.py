"""The terminal application. It shows the screen, then starts the music. It owns the feed, the frame timer and what outlives a screen."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import App
from textual.events import Event, Key

from companion.config.thru_wishes import remember_thru, thru_wish
from companion.errors import CompanionError, UsageError
from companion.runtime.ipc.protocol import SOUND_REMARK, PresentSettings
from companion.session.api.commands import Command, command
from companion.session.api.control_names import control_words
from companion.session.api.effects import Learned, Notice, SnapshotsChanged
from companion.session.api.setup_commands import Record
from companion.session.api.snapshot import Snapshot
from companion.session.api.snapshot_commands import LoadSettings
from companion.tui import palette
from companion.tui.controls.dials import attribute_tables
from companion.tui.controls.overlay import Overlay
from companion.tui.controls.screen import DialScreen
from companion.tui.controls.zones_screen import ZonesScreen
from companion.tui.corner import put_corner
from companion.tui.feed import Feed, one_line
from companion.tui.finder.finder import Finder
from companion.tui.keys import KEYS, PANIC_KEYS, STAGE
from companion.tui.notices import NoticeBoard
from companion.tui.pace import FASTEST_SECONDS, Pace
from companion.tui.pickers.choices import ChoiceScreen
from companion.tui.pickers.name import ConfirmScreen
from companion.tui.pickers.offers import InstalledCheckpoint, PortNames
from companion.tui.pickers.presets import PresetDesk, PresetSaver
from companion.tui.sound.keyboard import TypingKeyboard
from companion.tui.sound.keyboard_screen import KeyboardScreen
from companion.tui.sound.mixer_screen import MixerScreen
from companion.tui.sound.thru import ThruQuestion, question
from companion.tui.stage import Stage
from companion.tui.status.draw import Lines
from companion.tui.wording import action_words

if TYPE_CHECKING:
    from companion.config.presets import Preset
    from companion.runtime.front.performance import HasHappened, Performance

    Launcher = Callable[[], Performance]

ECHO_SECONDS = 3.0


class CompanionApp(App[int]):
    """Shows one performance. Unless it runs already, the launcher is called in the background, after the first frame."""

    # The palette is opened by a key of our own table, see `Finder`.
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[Any]] = [key.binding() for key in KEYS if key.urgent]
    CSS = palette.STYLE_SHEET

    def __init__(
        self,
        launcher: Launcher,
        performance: Performance | None = None,
        *,
        title: str = "companion",
        preset_saver: PresetSaver | None = None,
    ) -> None:
        """performance: the launcher's, if it was started ahead of the screen."""
        super().__init__()
        self.title = title
        self.picture: Snapshot | None = None
        self.installed: list[InstalledCheckpoint] | None = None
        self.feed = Feed(launcher if performance is None else lambda: performance)
        self.finder = Finder(self)
        self.keyboard = TypingKeyboard()
        self._thru, self._sounds = ThruQuestion(thru_wish), False
        self.attached: bool = getattr(launcher, "attached", False)  # the performance is another screen's
        self._presets = PresetDesk(launcher, preset_saver, self.attached)
        self._overlay = Overlay()
        self._pace = Pace()
        self._board = NoticeBoard()
        self._echo = ("", 0.0)
        self._took_takes = False

    # --- life ------------------------------------------------------------------------------------------------------

    def on_mount(self) -> None:
        self.stage = Stage(stage_view=getattr(self._presets.launcher, "view", "") == STAGE)
        self.push_screen(self.stage)
        self.set_interval(FASTEST_SECONDS, self._frame)
        self.call_after_refresh(self._launch)

    def _launch(self) -> None:
        self.draw()
        self.call_after_refresh(self._begin)

    def _begin(self) -> None:
        self.feed.start()
        self.run_worker(attribute_tables, thread=True, group="tables")

    def _frame(self) -> None:
        if self._pace.due(time.monotonic(), time.process_time()):
            self.draw()

    def draw(self) -> None:
        """Show the newest snapshot and the recent events in their places."""
        if isinstance(self.feed.error, UsageError):
            self.exit(self.feed.error.exit_status)
            return
        if self.feed.ended and self._ends_by_itself():
            self.exit(0)
            return
        for event in self.feed.happened():
            self._tell(event)
        if self.feed.newest is not None:
            self.picture = self._overlay.apply(self.feed.newest, time.monotonic())
            self._took_takes = self._took_takes or self.picture.recording  # by a pedal, OSC or another screen
            if self.feed.ended:
                self.picture = stopped(self.picture)
        if self.stage.is_ready:
            self.stage.show(self.picture, self.feed.health())
        top = self.screen_stack[-1] if self.screen_stack else None  # there is no screen while the app is closing
        put_corner(top)
        if isinstance(top, (ChoiceScreen, DialScreen, KeyboardScreen, MixerScreen, ZonesScreen)) and top.is_mounted:
            top.show(self.picture)
        if top is self.stage and not self.attached:
            self._mind_thru()

    def _mind_thru(self) -> None:
        """Pass a newly connected keyboard on to the sound if the player wants that; the question is asked once."""
        found = self._thru.look(self.picture, sounds=self._sounds) if self.picture is not None else None
        if found is None:
            return
        keyboard, wish = found

        def answered(wanted: bool | None) -> None:
            remember_thru(keyboard, bool(wanted))
            if wanted:
                self.send(command("thru", on=True))

        if wish is None:
            self.push_screen(ConfirmScreen(question(keyboard)), answered)
        elif wish:
            self.send(command("thru", on=True))

    def _tell(self, event: HasHappened) -> None:
        now = time.monotonic()
        if isinstance(event, Learned):
            self._board.add(f"{control_words(event.control)} now does: {action_words(event.action)}", "info", now)
            self.say(f"{control_words(event.control)} now does: {action_words(event.action)} — S keeps it in a preset")
        elif isinstance(event, SnapshotsChanged):
            self._presets.take_stored(event.stored)
        elif isinstance(event, PresentSettings):
            self._presets.take_settings(event.settings)
        elif isinstance(event, Notice):
            self._board.add(event.text, event.level, now)
            self._sounds = self._sounds or event.text.startswith(SOUND_REMARK)

    def say(self, text: str) -> None:
        """Show for a moment what a key did. "" leaves the shown text."""
        if text:
            self._echo = text, time.monotonic() + ECHO_SECONDS
            self.draw()

    def echo(self) -> str:
        """What the last key did, while that is recent."""
        text, until = self._echo
        return text if time.monotonic() < until else ""

    def said(self) -> Lines:
        """The recent notices of the performance, newest first."""
        return self._board.lines(time.monotonic())

    def _ends_by_itself(self) -> bool:
        options = self._presets.options
        return self.attached or bool(options and options.bars)

    # --- wishes ----------------------------------------------------------------------------------------------------

    def send(self, wish: Command) -> None:
        """Send a command, and show it as done until the performance has had time to answer."""
        self.feed.send(wish)
        self._took_takes = self._took_takes or isinstance(wish, Record)
        self._overlay.add(wish, time.monotonic())
        self.draw()

    def play_key(self, data: bytes, at: float) -> None:
        """Play a message at once. `at` is the time of its key."""
        self.feed.play_key(data, at)

    async def on_event(self, event: Event) -> None:
        """Panic comes first: a text field would take its key for a letter."""
        if isinstance(event, Key) and self._is_panic_in_a_field(event):
            self.action_wish("panic")
            return
        await super().on_event(event)

    def _is_panic_in_a_field(self, event: Key) -> bool:
        field = self.focused
        return event.key in PANIC_KEYS and field is not None and field.check_consume_key(event.key, event.character)

    def action_wish(self, name: str) -> None:
        """The keys that work on every screen."""
        self.stage.action_wish(name)

    def action_quit_now(self) -> None:
        """Quit without asking."""
        self.exit(0)

    def keep_takes(self) -> list[Path]:
        """Write the marked takes of the performance that has ended. Raises CompanionError."""
        if not self._took_takes or not self.feed.recording:
            return []
        from companion.runtime.recording.music.takes import write_takes

        self._took_takes = False
        return write_takes(Path(self.feed.recording))

    def found_checkpoints(self, found: list[InstalledCheckpoint]) -> None:
        """Keep the list of checkpoints. Called from a worker."""
        self.installed = found

    # --- ports and presets -----------------------------------------------------------------------------------------

    @property
    def preset_name(self) -> str:
        """The preset that this performance came from."""
        return self._presets.name

    def port_names(self) -> PortNames | None:
        """The ports as last reported, or None before the first report."""
        found = self.feed.ports
        return None if found is None else PortNames(tuple(found.inputs), tuple(found.outputs), found.error)

    def choose_port(self, direction: str, name: str) -> None:
        """Play on another port."""
        self._presets.ports[direction] = name
        self.feed.choose_port(direction, name)

    def save_preset(self, name: str) -> str:
        """Save everything that is set as a preset. Returns the path. Raises CompanionError."""
        assert self.picture is not None
        return self._presets.save(name, with_song=self.picture.practice is not None)

    def load_preset(self, name: str) -> None:
        """Play with a preset from the next bar line on. A performance that has ended is started again with it."""
        if self._presets.options is None:
            self.say("this performance was not started from a preset")
            return
        self.run_worker(lambda: self._use_preset(name), thread=True, group="relaunch", exclusive=True)

    def _use_preset(self, name: str) -> None:
        from companion.config.presets import load_preset, remember_used

        try:
            preset = load_preset(name)
        except CompanionError as error:
            self.call_from_thread(self._board.add, one_line(error), "error", time.monotonic())
            return
        remember_used(preset)
        if self.feed.ended and not self.attached:
            self._relaunch(preset)
        else:
            self.call_from_thread(self._go_on_with, preset)

    def _go_on_with(self, preset: Preset) -> None:
        settings = self._presets.go_on_with(preset)
        for direction, port in (("in", preset.ports.input), ("out", preset.ports.output)):
            if port:
                self.choose_port(direction, port)
        self.send(LoadSettings(preset.title, settings))

    def _relaunch(self, preset: Preset) -> None:
        self.feed.stop()
        self.keep_takes()
        self._board.clear()
        self.picture = None
        self.feed = Feed(self._presets.begin_with(preset))
        self.feed.start()


def stopped(picture: Snapshot) -> Snapshot:
    """The last snapshot of a performance that has ended: nothing runs and nothing sounds."""
    lanes = tuple(replace(lane, sounding=()) for lane in picture.lanes)
    transport = replace(picture.transport, state="stopped", counting_in=False)
    return replace(picture, lanes=lanes, transport=transport, generation=replace(picture.generation, state="no engine"))


def run_app(
    launcher: Launcher,
    performance: Performance | None = None,
    *,
    title: str = "",
    preset_saver: PresetSaver | None = None,
) -> int:
    """Show a performance until the player quits; returns the exit status.

    performance: the launcher's, if it was started already; the caller then ends it if this function raises.
    launcher: otherwise called once, in the background, after the first frame. If it has `options` (as `runtime.launch.Launcher`
    has), title and preset are taken from there. Raises CompanionError when the launch failed.
    """
    options = getattr(launcher, "options", None)
    title = title or getattr(options, "title", "") or "companion"
    app = CompanionApp(launcher, performance, title=title, preset_saver=preset_saver)
    try:
        status = app.run()
    finally:
        app.feed.stop()
    error = app.feed.error
    if isinstance(error, CompanionError):
        raise error
    if error is not None:
        raise CompanionError(f"the performance ended: {one_line(error)}")
    if app.feed.recording:
        print(f"recording: {app.feed.recording}")
        for path in app.keep_takes():
            print(f"take: {path}")
        if options is not None and options.sound_file is not None:
            from companion.runtime.recording.music.sound_file import sound_of_recording

            print("\n".join(sound_of_recording(Path(app.feed.recording), options.sound_file, options.sound.gain)))
    return status or 0
