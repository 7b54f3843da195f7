"""The actions that open pickers, and the effect of each choice."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from textual.screen import ModalScreen

from companion.errors import CompanionError
from companion.music.units import DRUM_CHANNEL
from companion.session.api.events import command
from companion.session.api.settings import TrackSettings
from companion.tui.controls.commands import selected_lane
from companion.tui.controls.dials import attribute_names
from companion.tui.lanes.draw import Selection
from companion.tui.pickers import offers, presets
from companion.tui.pickers.choices import ChoiceScreen
from companion.tui.pickers.chords import ChordScreen
from companion.tui.pickers.installed import installed_checkpoints
from companion.tui.pickers.name import NameScreen
from companion.tui.wording import bar_label

if TYPE_CHECKING:
    from companion.tui.app import CompanionApp

PORT_LOOK_SECONDS = 1.0


class MenuActions:
    """Part of the main screen: everything that is chosen from a list."""

    app: CompanionApp
    selection: Selection

    def action_pick_ports(self) -> None:
        """Ports, looked up again every second while the screen is open."""
        app = self.app

        def offer(snapshot: Any) -> list:
            return offers.port_sections(snapshot, app.port_names())

        screen = ChoiceScreen("MIDI ports", offer, app.choose_port, stay=True)
        app.feed.look_for_ports()
        self._open(screen)
        screen.set_interval(PORT_LOOK_SECONDS, app.feed.look_for_ports)

    def action_pick_model(self) -> None:
        """Checkpoint, window and mask mode; the list of checkpoints is fetched in the background."""
        app = self.app

        def offer(snapshot: Any) -> list:
            return offers.model_sections(snapshot, app.installed)

        def choose(section: str, value: Any) -> None:
            app.send(command("set_model", **{section: value}))

        screen = ChoiceScreen("Model", offer, choose, stay=True)
        self._open(screen)

        def find() -> None:
            app.installed = installed_checkpoints()
            app.call_from_thread(screen.offer_again)

        if app.installed is None:
            app.run_worker(find, thread=True, group="checkpoints", exclusive=True)

    def action_pick_instrument(self) -> None:
        """The program of the chosen part."""
        snapshot, lane = self.app.picture, self.selection.lane
        if snapshot is None or lane >= len(snapshot.lanes):
            return
        chosen = snapshot.lanes[lane]
        if chosen.is_drum:
            self.app.say("a drum part has no instrument to choose")
            return

        def choose(section: str, program: int) -> None:
            self.app.send(command("set_program", track=chosen.index, program=program))

        self._open(ChoiceScreen(f"Instrument of {chosen.name}", lambda s: offers.instrument_sections(s, lane), choose))

    def action_edit_chords(self) -> None:
        """The chords of the chosen bar, or the progression."""
        snapshot, bar = self.app.picture, self.selection.bar
        if snapshot is not None:
            place = None if bar is None else (bar, bar_label(snapshot, bar))
            self._open(ChordScreen(snapshot.chords, self.app.send, place))

    def action_add_part(self) -> None:
        """Add a companion part."""

        def choose(section: str, program: int) -> None:
            self.app.send(command("add_track", settings=new_part(program, self._used_channels())))

        self._open(ChoiceScreen("Add a part of ours", lambda s: offers.instrument_sections(s, None), choose))

    def action_add_own_part(self) -> None:
        """Add a part of the player's own, for a zone of the keyboard."""

        def choose(section: str, program: int) -> None:
            settings = replace(new_part(program, self._used_channels()), role="human")
            self.app.send(command("add_track", settings=settings))

        self._open(ChoiceScreen("Add a part of yours", lambda s: offers.instrument_sections(s, None), choose))

    def _used_channels(self) -> set[int]:
        snapshot = self.app.picture
        return {lane.channel for lane in snapshot.lanes if lane.channel is not None} if snapshot else set()

    def action_pick_meter(self) -> None:
        """The time signature, from the next bar on."""

        def choose(section: str, meter: Any) -> None:
            wish = command("set_time_signature", numerator=meter.numerator, denominator=meter.denominator)
            self.app.send(wish)

        self._open(ChoiceScreen("Time signature", offers.meter_sections, choose))

    def action_pick_clock(self) -> None:
        """Whose time it is. The music stops where that changes."""

        def choose(section: str, source: str) -> None:
            self.app.send(command("set_clock_source", source=source))

        self._open(ChoiceScreen("Clock", offers.clock_sections, choose))

    def action_learn(self) -> None:
        """Teach a switch an action or a knob a dial, or forget one."""

        def choose(section: str, value: Any) -> None:
            if section == "action":
                self.app.send(command("learn", action=value))
            elif section == "dial":
                dial, track = value
                self.app.send(command("learn_dial", dial=dial, track=track))
            else:
                self.app.send(command("forget_control", control=value))

        def offer(snapshot: Any) -> list:
            if snapshot is None:
                return offers.learn_sections(None, None, [])
            lane = selected_lane(snapshot, self.selection)
            return offers.learn_sections(snapshot, lane, attribute_names(snapshot, lane))

        self._open(ChoiceScreen("Teach a pedal, pad or knob", offer, choose))

    def action_pick_snapshot(self) -> None:
        """Recall what was stored."""

        def choose(section: str, name: str) -> None:
            self.app.send(command("recall_snapshot", name=name))

        self._open(ChoiceScreen("Recall a snapshot", offers.snapshot_sections, choose))

    def action_recall(self, name: str) -> None:
        """Recall a snapshot by its name, such as a digit."""
        self.app.send(command("recall_snapshot", name=name))

    def action_store_snapshot(self) -> None:
        """Store everything that is set, under a name or the next number."""
        app = self.app
        if app.picture is None:
            return

        def store(name: str | None) -> None:
            if name:
                app.send(command("store_snapshot", name=name))

        app.push_screen(NameScreen("Store a snapshot", offers.free_number(app.picture.stored)), store)

    def action_pick_preset(self) -> None:
        """Choose another preset. It is played from the next bar line on."""
        app = self.app
        found: list[tuple[str, str]] | None = None

        def offer(snapshot: Any) -> list:
            return offers.preset_sections(found, app.preset_name)

        screen = ChoiceScreen("Load a preset", offer, lambda section, name: app.load_preset(name))
        self._open(screen)

        def find() -> None:
            nonlocal found
            found = presets.offered()
            app.call_from_thread(screen.offer_again)

        app.run_worker(find, thread=True, group="presets", exclusive=True)

    def action_save_preset(self) -> None:
        """Save everything on screen as a preset under a name."""
        app = self.app
        if app.picture is None:
            return

        def save(name: str | None) -> None:
            if name:
                try:
                    app.say(f"saved: {app.save_preset(name)}")
                except CompanionError as error:
                    app.say(str(error))

        app.push_screen(NameScreen("Save as preset", app.preset_name), save)

    def _open(self, screen: ModalScreen[None]) -> None:
        self.app.push_screen(screen)
        self.app.draw()


def new_part(program: int, used_channels: set[int]) -> TrackSettings:
    """Settings of an added part: drums on channel 10, others on the first free channel."""
    from companion.music.instruments import program_name

    if program == offers.DRUMS:
        return TrackSettings("drums", "companion", is_drum=True, channel=DRUM_CHANNEL)
    free = [channel for channel in range(16) if channel not in used_channels and channel != DRUM_CHANNEL]
    return TrackSettings(program_name(program).lower(), "companion", program=program, channel=free[0] if free else 0)
