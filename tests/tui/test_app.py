"""The application in Textual's pilot, with scripted pictures, a real session, and performances that misbehave."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from textual.pilot import Pilot

from companion.config.presets import load_preset
from companion.errors import CompanionError, ConfigError, UsageError
from companion.runtime.front.performance import LaunchOptions
from companion.runtime.ipc.protocol import PresentSettings
from companion.session.api.effects import Learned, Notice
from companion.session.api.events import PortChanged, command
from companion.session.api.settings import SessionSettings
from companion.session.api.snapshot import Snapshot
from companion.session.api.snapshot_commands import (
    LoadSettings,
    NextEntry,
    PreviousEntry,
    RecallSnapshot,
    StoreSnapshot,
)
from companion.tui.app import CompanionApp
from companion.tui.controls.dials import LEADING_STEPS, SAMPLING_DIALS
from companion.tui.controls.screen import DialScreen
from companion.tui.help.screen import HelpScreen, help_lines
from companion.tui.keys import KEYS
from companion.tui.pane import CanvasPane
from companion.tui.pickers.choices import ChoiceScreen
from companion.tui.pickers.name import ConfirmScreen, NameScreen
from tests.tui.live import SessionPerformance
from tests.tui.scripted import ScriptedPerformance, practice_at, snapshot_at

SMALL, LARGE = (80, 24), (160, 50)


@asynccontextmanager
async def running(performance: Any, size: tuple[int, int] = SMALL):
    """An app that has shown its first picture of the performance."""
    app = CompanionApp(lambda: performance)
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: app.picture is not None and bool(text_of(app, "transport")))
        yield app, pilot
    app.feed.stop()


async def until(pilot: Pilot, condition: Callable[[], bool], seconds: float = 60.0) -> None:
    """Let the app go on until something is so."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "this never came about"
        await pilot.pause(0.02)


async def opened(app: CompanionApp, pilot: Pilot, key: str) -> None:
    """Open a menu by its key, once another one has closed."""
    await until(pilot, lambda: app.screen is app.stage)
    await pilot.press(key)
    await until(pilot, lambda: isinstance(app.screen, ChoiceScreen))


def text_of(app: CompanionApp, pane: str) -> str:
    canvas = app.stage.query_one(f"#{pane}", CanvasPane).canvas
    return canvas.text() if canvas else ""


def still(**changes: Any) -> ScriptedPerformance:
    """A performance whose pictures differ in their time only."""
    return ScriptedPerformance(lambda seconds: snapshot_at(9.1, now_seconds=seconds, **changes))


@pytest.mark.parametrize("size", [SMALL, LARGE, (40, 12), (120, 40)])
async def test_every_size_shows_position_lanes_and_status(size: tuple[int, int]) -> None:
    async with running(still(), size) as (app, pilot):
        await until(pilot, lambda: "▼" in text_of(app, "lanes"))
        assert "next 6:" in text_of(app, "transport")
        status = "column" if size == (160, 50) or size == (120, 40) else "strip"
        await until(pilot, lambda: "83.3 %" in text_of(app, status))


async def test_without_colours_everything_still_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with running(still(), (60, 15)) as (app, pilot):
        await until(pilot, lambda: "▼" in text_of(app, "lanes"))
        for key in ("a", "M", "question_mark", "S"):
            await pilot.press(key)
            await until(pilot, lambda: app.screen is not app.stage)
            await pilot.press("escape")
            await until(pilot, lambda: app.screen is app.stage)
        assert "▼" in text_of(app, "lanes")


async def test_growing_and_shrinking_keeps_everything_in_sight() -> None:
    async with running(still()) as (app, pilot):
        await pilot.resize_terminal(160, 50)
        await until(pilot, lambda: "In time" in text_of(app, "column"))
        await pilot.resize_terminal(60, 16)
        await until(pilot, lambda: "▼" in text_of(app, "lanes") and app.stage.query_one("#lanes").size.width == 60)


async def test_the_first_frame_does_not_wait_for_the_launch() -> None:
    go = threading.Event()
    performance = still()

    def slow_launch() -> ScriptedPerformance:
        go.wait(20)
        return performance

    app = CompanionApp(slow_launch)
    async with app.run_test(size=SMALL) as pilot:
        await until(pilot, lambda: "loading checkpoint…" in text_of(app, "lanes"))
        assert app.picture is None
        go.set()
        await until(pilot, lambda: app.picture is not None)
    app.feed.stop()
    assert performance.stopped


async def test_a_stalled_performance_freezes_nothing() -> None:
    stall = threading.Event()

    class Stalled(ScriptedPerformance):
        def snapshot(self) -> Snapshot | None:
            if self.sent:
                stall.wait(20)
            return super().snapshot()

    async with running(Stalled(lambda seconds: snapshot_at(9.1, now_seconds=seconds))) as (app, pilot):
        await pilot.press("c")
        await until(pilot, lambda: "no answer from the performance" in text_of(app, "transport"))
        await pilot.press("down", "question_mark")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen))
        assert app.stage.selection.lane == 1
        stall.set()


async def test_a_performance_that_dies_says_so_and_the_app_goes_on() -> None:
    class Dying(ScriptedPerformance):
        def snapshot(self) -> Snapshot | None:
            if self.sent:
                raise EOFError("pipe closed")
            return super().snapshot()

    async with running(Dying(lambda seconds: snapshot_at(9.1, now_seconds=seconds))) as (app, pilot):
        await pilot.press("p")
        await until(pilot, lambda: "the performance has ended: EOFError" in text_of(app, "transport"))
        await pilot.press("down")
        assert app.stage.selection.lane == 1


async def test_a_performance_that_ends_is_reported() -> None:
    performance = still()
    async with running(performance) as (app, pilot):
        performance.running = False
        await until(pilot, lambda: "the performance has ended" in text_of(app, "transport"))
        assert performance.stopped
        await pilot.press("q")
        await until(pilot, lambda: app.return_value == 0)


@pytest.mark.parametrize("error", [UsageError("no port 'x' (there are: y)"), ConfigError("bad preset")])
async def test_wrong_use_ends_the_app_with_its_status(error: CompanionError) -> None:
    def launch() -> Any:
        raise error

    app = CompanionApp(launch)
    async with app.run_test(size=SMALL) as pilot:
        await until(pilot, lambda: app.return_value == 2)
    assert app.feed.error is error


async def test_keys_send_commands_and_show_them_at_once() -> None:
    performance = still()
    async with running(performance) as (app, pilot):
        await pilot.press("down", "m", "right_square_bracket", "g")
        await until(pilot, lambda: len(performance.sent) == 3)
        assert performance.sent == [
            command("mute", track=1, on=True),
            command("set_sampling", temperature=1.05),
            command("regenerate"),
        ]
        assert "muted" in text_of(app, "transport")


async def test_bars_are_chosen_with_the_arrows_and_let_go_with_escape() -> None:
    async with running(still()) as (app, pilot):
        await until(pilot, lambda: "▼" in text_of(app, "lanes"))
        await pilot.press("left")
        assert app.stage.selection.bar == 4
        await until(pilot, lambda: "◂chosen" in text_of(app, "lanes"))
        await pilot.press("escape")
        assert app.stage.selection.bar is None


async def test_panic_works_while_a_menu_is_open() -> None:
    performance = still()
    async with running(performance) as (app, pilot):
        await pilot.press("M")
        await until(pilot, lambda: isinstance(app.screen, ChoiceScreen))
        await pilot.press("exclamation_mark")
        await until(pilot, lambda: performance.sent == [command("panic")])


async def test_ports_are_chosen_from_a_list() -> None:
    performance = still()
    async with running(performance) as (app, pilot):
        await pilot.press("o")
        await until(pilot, lambda: app.port_names() is not None)
        await pilot.pause(0.2)
        await pilot.press("l", "a", "u", "enter")
        await until(pilot, lambda: performance.chosen_ports == [("in", "Launchpad")])
        await pilot.press("escape")
        assert app.screen is app.stage


async def test_the_model_picker_sends_what_was_chosen() -> None:
    performance = still()
    async with running(performance) as (app, pilot):
        await opened(app, pilot, "M")
        await pilot.press(*"8bars", *["backspace"] * 5, *"4bars", "enter")
        await until(pilot, lambda: performance.sent == [command("set_model", model_dim=4)])


async def test_the_dials_turn_and_follow_the_part() -> None:
    performance = still()
    async with running(performance) as (app, pilot):
        await pilot.press("down", "down", "a")
        await until(pilot, lambda: isinstance(app.screen, DialScreen))
        await pilot.press(*["down"] * len((*LEADING_STEPS, *SAMPLING_DIALS)), "right", "tab", "escape")
        await until(pilot, lambda: bool(performance.sent))
        assert performance.sent == [command("set_attribute", track=2, name="note_density", level=0)]
        assert app.stage.selection.lane == 3


async def test_instrument_meter_learning_and_a_new_part() -> None:
    performance = still()
    async with running(performance) as (app, pilot):
        await pilot.press("down")
        await opened(app, pilot, "i")
        await pilot.press(*"tuba", "enter")
        await opened(app, pilot, "T")
        await pilot.press("3", "enter")
        await opened(app, pilot, "F")
        await pilot.press(*"loop", "enter")
        await opened(app, pilot, "N")
        await pilot.press(*"drums", "enter")
        await until(pilot, lambda: len(performance.sent) == 4)
        assert performance.sent[:3] == [
            command("set_program", track=1, program=58),
            command("set_time_signature", numerator=3, denominator=4),
            command("learn", action="loop_here"),
        ]
        assert performance.sent[3].settings.is_drum


async def test_quit_asks_only_while_the_music_runs() -> None:
    performance = still()
    async with running(performance) as (app, pilot):
        await pilot.press("q")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await pilot.press("n", "q")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await pilot.press("y")
        await until(pilot, lambda: app.return_value == 0)
    halted = snapshot_at(9.1)
    quiet = still(transport=replace(halted.transport, state="stopped"))
    async with running(quiet) as (app, pilot):
        await pilot.press("q")
        await until(pilot, lambda: app.return_value == 0)


async def test_a_question_is_answered_by_a_tap_too_and_read_whole_on_a_phone() -> None:
    async with running(still(), size=(45, 40)) as (app, pilot):
        await pilot.press("q")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        question, (yes, no) = app.screen.query_one(".question"), app.screen.query(".answer")
        assert question.size.height >= len(str(question.render())) / question.size.width
        assert min(yes.size.height, no.size.height) >= 3, "a finger hits it"
        await pilot.click(no)
        await until(pilot, lambda: not isinstance(app.screen, ConfirmScreen))
        await pilot.press("q")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await pilot.click(app.screen.query(".answer").first())
        await until(pilot, lambda: app.return_value == 0)


async def test_practice_opens_its_own_view_and_tab_changes_it() -> None:
    performance = ScriptedPerformance(lambda seconds: replace(practice_at(5.0), now_seconds=seconds))
    async with running(performance) as (app, pilot):
        await until(pilot, lambda: "Evening changes" in text_of(app, "practice"))
        assert not app.stage.query_one("#lanes").display
        await pilot.press("y", "down", "y", "full_stop", "tab")
        await until(pilot, lambda: "accuracy" in text_of(app, "song"))
        assert app.stage.query_one("#lanes").display
        assert performance.sent == [
            command("set_role", track=1, role="human"),
            command("set_tempo_factor", factor=0.85),
        ]


async def test_a_tall_screen_shows_song_and_lanes_together() -> None:
    performance = ScriptedPerformance(lambda seconds: replace(practice_at(5.0), now_seconds=seconds))
    async with running(performance, LARGE) as (app, pilot):
        await until(pilot, lambda: "▼" in text_of(app, "lanes") and "┣9" in text_of(app, "practice"))
        assert app.stage.query_one("#practice").display


async def test_learnt_switches_and_errors_are_announced_and_saved(tmp_path: Any) -> None:
    performance = still()
    saved: dict[str, Any] = {}

    def save(name: str, settings: Any, ports: dict[str, str]) -> str:
        saved.update(name=name, settings=settings, ports=ports)
        return "somewhere"

    app = CompanionApp(lambda: performance, preset_saver=save)
    async with app.run_test(size=SMALL) as pilot:
        await until(pilot, lambda: app.picture is not None)
        performance.picture = lambda seconds: snapshot_at(9.1, now_seconds=seconds, learned={"cc:64@0": "tap"})
        present = PresentSettings(SessionSettings(tracks=(), learned={"cc:64@0": "tap"}))
        performance.happened = [Learned("cc:64@0", "tap", {"cc:64@0": "tap"}), Notice("error", "port lost"), present]
        await until(pilot, lambda: "port lost" in text_of(app, "strip"))
        assert "CC 64 (sustain) on channel 1 now does: tap the tempo" in text_of(app, "hints")
        await pilot.press("S")
        await until(pilot, lambda: isinstance(app.screen, NameScreen))
        await pilot.press(*"gig", "enter")
        await until(pilot, lambda: saved.get("name") == "gig")
    app.feed.stop()
    assert saved["settings"].learned == {"cc:64@0": "tap"}


async def test_no_key_is_silent() -> None:
    async with running(still()) as (app, pilot):
        for key, answer in (
            ("right_square_bracket", "temperature 1.05"),
            ("L", "that is for practising"),
            ("plus", "the MIDI clock decides"),
            ("D", "no part of ours"),
            ("p", "silenced"),
            ("k", "bar 5 repeats until k"),
        ):
            await pilot.press(key)
            await until(pilot, lambda answer=answer: answer in text_of(app, "hints"))
        await until(pilot, lambda: "? help" in text_of(app, "hints"))


async def test_the_same_notice_again_is_one_line_with_a_count() -> None:
    performance = still()
    async with running(performance) as (app, pilot):
        performance.happened = [Notice("warning", "port lost"), Notice("warning", "port lost")]
        await until(pilot, lambda: "port lost (×2)" in text_of(app, "strip"))


async def test_why_a_performance_ended_is_said_and_nothing_seems_to_run() -> None:
    class Doomed(ScriptedPerformance):
        def stop(self) -> None:
            super().stop()
            self.happened = [Notice("error", "the MIDI driver died")]

    performance = Doomed(lambda seconds: snapshot_at(9.1, now_seconds=seconds))
    async with running(performance) as (app, pilot):
        performance.running = False
        await until(pilot, lambda: "has ended: the MIDI driver died — press q" in text_of(app, "transport"))
        assert "■ stopped" in text_of(app, "transport")


async def test_hints_are_those_of_the_view_and_of_the_moment() -> None:
    performance = ScriptedPerformance(lambda seconds: replace(practice_at(5.0), now_seconds=seconds))
    async with running(performance) as (app, pilot):
        await until(pilot, lambda: "L loop" in text_of(app, "hints"))
        assert "tab piano roll" in text_of(app, "hints")
        assert "space" not in text_of(app, "hints"), "a master runs the music"
        await pilot.press("tab")
        await until(pilot, lambda: "t tap" in text_of(app, "hints"))
        assert ": find" in text_of(app, "hints")
    halted = replace(snapshot_at(9.1).transport, state="stopped")
    async with running(still(transport=halted)) as (app, pilot):
        await until(pilot, lambda: "space start" in text_of(app, "hints"))
    going = replace(snapshot_at(9.1).transport, source="internal")
    async with running(still(transport=going)) as (app, pilot):
        await until(pilot, lambda: "space stop" in text_of(app, "hints"))


async def test_help_lists_every_binding_of_every_screen_that_plays() -> None:
    async with running(still()) as (app, pilot):
        bound = {
            (binding.key, binding.action)
            for screen in (app.stage, app)
            for bindings in screen._bindings.key_to_bindings.values()
            for binding in bindings
            if not binding.system and not binding.action.startswith(("screen.", "app."))
        }
        table = {(name, key.action) for key in KEYS for name in key.keys.split(",")}
        assert bound == table
        listed = [line for _, lines in help_lines() for line in lines]
        assert all((key.shown, key.help) in listed for key in KEYS)
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen))


def test_no_key_does_two_things_and_every_key_says_what() -> None:
    names = [name for key in KEYS for name in key.keys.split(",")]
    assert len(names) == len(set(names))
    assert all(len(key.help) > 3 for key in KEYS)


async def test_a_real_session_from_waiting_to_playing() -> None:
    performance = SessionPerformance()
    async with running(performance) as (app, pilot):
        assert "waiting for MIDI clock" in text_of(app, "transport")
        await pilot.press("space")
        await until(pilot, lambda: [wish.command_name for wish in performance.sent] == ["set_clock_source", "start"])
        performance.advance(9.0)
        await until(pilot, lambda: "running" in text_of(app, "transport"))
        await until(pilot, lambda: " 5.3 " in text_of(app, "transport"))
        lanes = text_of(app, "lanes")
        assert "● fresh" in lanes
        assert "⠤" in lanes or "⠒" in lanes
        assert "▀" in lanes or "▄" in lanes
        await pilot.press("down", "m")
        await until(pilot, lambda: performance.session.snapshot(performance.now).lanes[1].muted)
        assert "muted" in text_of(app, "transport")


async def test_ports_are_named_until_they_are_given_up() -> None:
    performance = SessionPerformance()
    async with running(performance, (120, 24)) as (app, pilot):
        performance.session.receive(PortChanged("", "out", True, "FluidSynth"), performance.now)
        performance.session.receive(PortChanged("KeyStep", "in", True, "KeyStep"), performance.now)
        performance.advance(0.05)
        await until(pilot, lambda: "in ● KeyStep" in text_of(app, "strip"))
        assert "out ● FluidSynth" in text_of(app, "strip")
        assert "waiting for MIDI clock on KeyStep" in text_of(app, "transport")
        performance.session.receive(PortChanged("KeyStep", "in", False, "KeyStep"), performance.now)
        performance.session.receive(PortChanged("", "out", False, "FluidSynth", released=True), performance.now)
        performance.advance(0.05)
        await until(pilot, lambda: "✗ lost KeyStep" in text_of(app, "strip"))
        assert "FluidSynth" not in text_of(app, "strip")


async def test_a_take_that_was_begun_by_a_pedal_or_another_screen_is_kept_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("companion.runtime.recording.music.takes.write_takes", lambda folder: [folder / "take-1.mid"])
    for taken in (True, False):
        async with running(still(recording=taken)) as (app, _pilot):
            app.feed.recording = "/kept"
            assert [str(path) for path in app.keep_takes()] == (["/kept/take-1.mid"] if taken else [])
            app.feed.recording = ""


async def test_snapshots_are_stored_and_recalled_with_their_keys() -> None:
    performance = still()
    async with running(performance) as (_, pilot):
        await pilot.press("J", "enter")
        await until(pilot, lambda: StoreSnapshot("1") in performance.sent)
        await pilot.press("2", "pagedown", "pageup")
        await until(pilot, lambda: PreviousEntry() in performance.sent)
        assert performance.sent[-3:] == [RecallSnapshot("2"), NextEntry(), PreviousEntry()]
        await pilot.press("j")
        await until(pilot, lambda: isinstance(pilot.app.screen, ChoiceScreen))


@dataclass(frozen=True)
class OptionsLauncher:
    """A launcher that knows its options, as the real one does."""

    performance: Any
    options: LaunchOptions = LaunchOptions(SessionSettings(tracks=()))
    starts: list[int] = field(default_factory=list)

    def __call__(self) -> Any:
        self.starts.append(1)
        return self.performance


async def test_a_preset_is_loaded_without_an_end_of_the_performance(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    performance = still()
    launcher = OptionsLauncher(performance)
    app = CompanionApp(launcher)
    async with app.run_test(size=SMALL) as pilot:
        await until(pilot, lambda: app.picture is not None)
        app.load_preset("trio")
        await until(pilot, lambda: any(isinstance(wish, LoadSettings) for wish in performance.sent))
        (wish,) = [wish for wish in performance.sent if isinstance(wish, LoadSettings)]
        assert [track.name for track in wish.settings.tracks] == [
            track.name for track in load_preset("trio").settings.tracks
        ]
        assert launcher.starts == [1]
        assert app.preset_name == "trio"
    app.feed.stop()
