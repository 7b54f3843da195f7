"""The command palette: what it finds, and that what is chosen is done."""

from __future__ import annotations

from dataclasses import replace

import pytest
from textual.command import CommandList, CommandPalette
from textual.pilot import Pilot
from textual.widgets import Input

from companion.session.api.commands import command
from companion.tui.app import CompanionApp
from companion.tui.corner import Corner
from companion.tui.finder.actions import Known, findable, listed
from companion.tui.finder.typed import TYPED, typed_actions
from companion.tui.help.screen import HelpScreen
from companion.tui.keys import KEYS, LEARNABLE
from companion.tui.pickers.offers import InstalledCheckpoint
from tests.tui.scripted import practice_at, snapshot_at
from tests.tui.test_app import running, still, text_of, until


@pytest.fixture(autouse=True)
def two_checkpoints(no_other_process: None, monkeypatch: pytest.MonkeyPatch) -> None:
    installed = [InstalledCheckpoint("yellow"), InstalledCheckpoint("ghost")]
    monkeypatch.setattr("companion.tui.finder.finder.installed_checkpoints", lambda: installed)


async def chosen(app: CompanionApp, pilot: Pilot, text: str) -> None:
    """Open the palette, type, and choose the first line."""
    await pilot.press("colon")
    await until(pilot, lambda: isinstance(app.screen, CommandPalette))
    await pilot.press(*("space" if letter == " " else letter for letter in text))
    await until(pilot, lambda: _settled(app, text))
    await pilot.press("enter")


def _settled(app: CompanionApp, text: str) -> bool:
    """Whether the list shows what fits the whole text."""
    shown = app.screen.query_one(CommandList).options
    return bool(shown) and all(word in str(shown[0].prompt).lower() for word in text.lower().split())


def test_every_key_of_the_table_is_found_with_its_key() -> None:
    found = {action.action: action for action in findable(Known(practice_at(9.1)))}
    for key in KEYS:
        if key.action != "find":
            assert key.shown in found[key.action].keys


def test_every_learnable_action_is_found_once_and_can_be_taught() -> None:
    names = [action.name for action in listed(Known(snapshot_at(9.1)))]
    assert len(names) == len(set(names))
    taught = [action.wishes[0].action for action in findable(Known()) if action.name.startswith("learn a switch")]
    assert taught == [name for name, _ in LEARNABLE]


def test_parts_checkpoints_meters_and_presets_are_found_by_name() -> None:
    known = Known(snapshot_at(9.1), (InstalledCheckpoint("ghost"),), ("trio",))
    found = {action.name: action for action in findable(known)}
    assert found["mute bass"].wishes == (command("mute", track=1, on=True),)
    assert found["checkpoint ghost"].wishes == (command("set_model", checkpoint="ghost"),)
    assert found["time signature 3/4"].wishes == (command("set_time_signature", numerator=3, denominator=4),)
    assert found["instrument of bass: Tuba"].wishes == (command("set_program", track=1, program=58),)
    assert found["load preset trio"].preset == "trio"


def test_snapshots_are_recalled_by_name() -> None:
    found = {action.name: action for action in listed(Known(snapshot_at(9.1, stored=("verse", "2"))))}
    assert found["recall snapshot verse"].wishes == (command("recall_snapshot", name="verse"),)
    assert found["forget snapshot 2"].wishes == (command("remove_snapshot", name="2"),)


def test_a_muted_part_is_offered_to_be_heard_again() -> None:
    picture = snapshot_at(9.1)
    muted = replace(picture, lanes=(picture.lanes[0], replace(picture.lanes[1], muted=True)))
    found = {action.name: action for action in findable(Known(muted))}
    assert found["unmute bass"].wishes == (command("mute", track=1, on=False),)
    assert "mute bass" not in found


@pytest.mark.parametrize(
    ("text", "wish"),
    [
        ("tempo 92", command("set_tempo", bpm=92.0)),
        ("Tempo 92,5", command("set_tempo", bpm=92.5)),
        ("bar 17", command("seek", bar=16)),
        ("practice tempo 80", command("set_tempo_factor", factor=0.8)),
        ("transpose -3", command("transpose", semitones=-3)),
        ("checkpoint ghost", command("set_model", checkpoint="ghost")),
        ("store snapshot bridge", command("store_snapshot", name="bridge")),
        ("entry 3", command("choose_entry", number=2)),
        ("break 2", command("break", beats=2)),
    ],
)
def test_an_argument_can_be_typed(text: str, wish: object) -> None:
    assert [action.wishes for action in typed_actions(text)] == [(wish,)]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("tempo 9999", "must be from 10 to 400"),
        ("tempo fast", "fast is not a number"),
        ("bar 0", "must be from 0"),
        ("build 2.5", "not a whole number"),
    ],
)
def test_a_wrong_argument_says_why_and_does_nothing(text: str, why: str) -> None:
    (action,) = typed_actions(text)
    assert why in action.fault
    assert not action.wishes


def test_what_takes_no_argument_is_left_alone() -> None:
    assert typed_actions("tempo") == typed_actions("tempo 92 93") == typed_actions("") == []
    assert len({entry.words for entry in TYPED}) == len(TYPED)


async def test_what_is_chosen_is_done() -> None:
    performance = still()
    async with running(performance) as (app, pilot):
        await chosen(app, pilot, "mute bass")
        await until(pilot, lambda: performance.sent == [command("mute", track=1, on=True)])
        assert app.screen is app.stage
        await chosen(app, pilot, "tempo 92")
        await until(pilot, lambda: performance.sent[1:] == [command("set_tempo", bpm=92.0)])
        await chosen(app, pilot, "this help")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen))


async def test_a_key_of_the_table_does_what_the_key_does() -> None:
    performance = still()
    async with running(performance) as (app, pilot):
        await pilot.press("down")
        await chosen(app, pilot, "mute the chosen")
        await until(pilot, lambda: performance.sent == [command("mute", track=1, on=True)])


async def test_panic_works_while_the_palette_is_open() -> None:
    performance = still()
    async with running(performance) as (app, pilot):
        await pilot.press("ctrl+p")
        await until(pilot, lambda: isinstance(app.screen, CommandPalette))
        await pilot.press("t", "exclamation_mark")
        await until(pilot, lambda: performance.sent == [command("panic")])
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.stage)


@pytest.mark.parametrize("key", ["S", "C"])
async def test_panic_works_while_text_is_typed(key: str) -> None:
    performance = still()
    async with running(performance) as (app, pilot):
        await pilot.press(key)
        await until(pilot, lambda: app.screen is not app.stage)
        await pilot.press("a", "exclamation_mark")
        await until(pilot, lambda: performance.sent == [command("panic")])
        assert "!" not in app.screen.query_one(Input).value


@pytest.mark.parametrize("key", ["colon", "M", "a", "K", "V", "S", "C", "question_mark", "q"])
async def test_every_overlay_has_panic_and_closing_in_its_corner(key: str) -> None:
    performance = still()
    async with running(performance) as (app, pilot):
        await pilot.press(key)
        await until(pilot, lambda: bool(app.screen.query(Corner)) and app.screen.query_one(Corner).region.width > 0)
        await pilot.click(Corner, offset=(2, 0))
        await until(pilot, lambda: performance.sent == [command("panic")])
        await pilot.click(Corner, offset=(12, 0))
        await until(pilot, lambda: app.screen is app.stage)


async def test_hints_can_be_clicked() -> None:
    async with running(still()) as (app, pilot):
        await pilot.click("#hints", offset=(text_of(app, "hints").index("find"), 0))
        await until(pilot, lambda: isinstance(app.screen, CommandPalette))


async def test_words_are_found_in_any_order() -> None:
    performance = still()
    async with running(performance) as (app, pilot):
        await chosen(app, pilot, "bass mute")
        await until(pilot, lambda: performance.sent == [command("mute", track=1, on=True)])
