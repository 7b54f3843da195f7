from __future__ import annotations

from dataclasses import replace

import pytest

from companion.config.presets import PortChoice
from companion.errors import UsageError
from companion.inference.checkpoints.hub import shipped_checkpoints
from companion.runtime.front.launch import Launcher
from companion.runtime.front.performance import LaunchOptions
from companion.session.api.events import command
from companion.session.api.settings import ClockSettings, Knob, PracticeSettings, SessionSettings, TrackSettings, Zone
from companion.session.api.snapshot import GenerationView
from companion.tui.controls.commands import commands_for, step
from companion.tui.controls.dials import attribute_names, dials, release, turn
from companion.tui.controls.overlay import HOLD_SECONDS, Overlay
from companion.tui.keys import KEYS
from companion.tui.lanes.draw import Selection
from companion.tui.pace import FASTEST_SECONDS, Pace
from companion.tui.pickers.installed import installed_checkpoints, parse_checkpoints
from companion.tui.pickers.menus import new_part
from companion.tui.pickers.offers import DRUMS, PortNames, model_sections, port_sections
from companion.tui.pickers.presets import PresetDesk
from tests.tui.scripted import ScriptedPerformance, practice_at, snapshot_at

NOW = snapshot_at(9.1)
MASTER = replace(NOW, transport=replace(NOW.transport, source="internal"))
PRACTICE = practice_at(9.1)
SECOND = Selection(lane=1)


@pytest.mark.parametrize(
    ("wish", "snapshot", "selection", "expected"),
    [
        ("toggle", MASTER, SECOND, [command("toggle")]),
        ("toggle", NOW, SECOND, []),
        ("rewind", NOW, SECOND, []),
        ("mute", NOW, SECOND, [command("mute", track=1, on=True)]),
        ("solo", NOW, SECOND, [command("solo", track=1, on=True)]),
        ("faster", MASTER, SECOND, [command("set_tempo", bpm=121.0)]),
        ("hotter", NOW, SECOND, [command("set_sampling", temperature=1.05)]),
        ("wider", NOW, SECOND, [command("set_sampling", top_p=1.0)]),
        ("regenerate", NOW, SECOND, [command("regenerate")]),
        ("regenerate", NOW, Selection(1, 6), [command("regenerate", bar=6)]),
        ("regenerate", NOW, Selection(1, 4), []),
        ("keep", NOW, SECOND, [command("keep")]),
        ("keep", NOW, Selection(1, 3), [command("keep", bar=3)]),
        ("keep", NOW, Selection(1, 6), [command("keep")]),
        ("another_take", NOW, SECOND, [command("another_take", track=1)]),
        ("another_take", NOW, Selection(1, 6), [command("another_take", track=1, bar=6)]),
        ("another_take", NOW, Selection(0), [command("another_take")]),
        ("another_take", replace(NOW, transport=replace(NOW.transport, state="stopped")), SECOND, []),
        ("lock", NOW, Selection(1, 6), [command("lock", bar=6, on=False)]),
        ("lock", NOW, SECOND, []),
        ("lock", MASTER, Selection(1, 3), []),
        ("wait", NOW, SECOND, [command("wait", bars=1)]),
        ("wait", replace(NOW, wait_bars=8), SECOND, [command("wait", bars=0)]),
        ("record", NOW, SECOND, [command("record", on=False)]),
        ("mine", PRACTICE, SECOND, [command("set_role", track=1, role="human")]),
        ("fill", PRACTICE, SECOND, []),
        ("fill", PRACTICE, Selection(0), []),
        ("backing", NOW, SECOND, []),
        ("remove", NOW, Selection(0), []),
        ("song_faster", NOW, SECOND, []),
        ("song_faster", PRACTICE, SECOND, [command("set_tempo_factor", factor=0.85)]),
        ("key_up", PRACTICE, SECOND, [command("transpose", semitones=-1)]),
        ("loop", PRACTICE, SECOND, [command("set_loop", start=0, end=None)]),
        ("mute", replace(NOW, lanes=()), SECOND, []),
    ],
)
def test_a_key_asks_for_what_the_screen_suggests(wish: str, snapshot, selection: Selection, expected: list) -> None:
    assert commands_for(wish, snapshot, selection) == expected


def test_space_without_a_clock_starts_the_internal_one() -> None:
    waiting = replace(NOW, transport=replace(NOW.transport, state="stopped"))
    wishes = commands_for("toggle", waiting, SECOND)
    assert wishes == [command("set_clock_source", source="internal"), command("start")]


def test_every_wish_of_the_key_table_is_known_in_every_situation() -> None:
    wishes = [key.action[6:-2] for key in KEYS if key.action.startswith("wish(")]
    assert len(wishes) > 30
    for snapshot in (NOW, PRACTICE, replace(NOW, lanes=())):
        for wish in wishes:
            assert isinstance(commands_for(wish, snapshot, SECOND), list)


def test_steps_stay_on_their_grid_and_in_range() -> None:
    assert step(0.97, 0.05, (0.05, 1.0)) == 1.0
    assert step(1.0, 0.05, (0.05, 1.0)) == 1.0
    assert step(123.4, -1.0, (10.0, 400.0)) == 122.0


def test_the_dials_offer_only_what_steers_the_part() -> None:
    assert attribute_names(NOW, NOW.lanes[2]) == ["note_density"]
    assert attribute_names(NOW, NOW.lanes[1]) == [
        "min_polyphony",
        "max_polyphony",
        "min_note_duration",
        "max_note_duration",
    ]
    assert attribute_names(NOW, NOW.lanes[0]) == []


def test_a_dial_turns_from_free_upwards_and_back() -> None:
    selection = Selection(2)
    density = dials(NOW, selection)[-1]
    assert density.reading == "free"
    [up] = turn(NOW, selection, density, 1)
    assert up == command("set_attribute", track=2, name="note_density", level=0)
    assert turn(NOW, selection, density, -1) == []
    overlay = Overlay()
    overlay.add(up, now=0.0)
    shown = overlay.apply(NOW, now=0.1)
    [lowest] = [dial for dial in dials(shown, selection) if dial.name == "note_density"]
    assert lowest.reading.endswith("notes a bar")
    assert turn(shown, selection, lowest, -1) == [command("set_attribute", track=2, name="note_density", level=None)]
    assert release(shown, selection, lowest) == turn(shown, selection, lowest, -1)


def test_one_end_of_a_range_takes_the_other_along() -> None:
    lanes = (*NOW.lanes[:1], replace(NOW.lanes[1], attributes={"min_polyphony": 0, "max_polyphony": 0}), *NOW.lanes[2:])
    shown = replace(NOW, lanes=lanes)
    [least] = [dial for dial in dials(shown, SECOND) if dial.name == "min_polyphony"]
    assert {wish.name: wish.level for wish in turn(shown, SECOND, least, 1)} == {
        "min_polyphony": 1,
        "max_polyphony": 1,
    }


def test_the_overlay_shows_a_wish_until_the_performance_had_time() -> None:
    overlay = Overlay()
    overlay.add(command("mute", track=1, on=True), now=10.0)
    overlay.add(command("set_sampling", temperature=1.3), now=10.0)
    shown = overlay.apply(NOW, now=10.1)
    assert shown.lanes[1].muted
    assert shown.model.sampling.temperature == 1.3
    assert overlay.apply(NOW, now=10.0 + HOLD_SECONDS + 0.01) == NOW


def test_ports_in_use_are_marked_and_vanished_ones_stay_listed() -> None:
    inputs, outputs = port_sections(snapshot_at(60.0), PortNames(("Launchpad",), ("FluidSynth",)))
    assert [(choice.label, choice.current) for choice in inputs.choices] == [("Launchpad", False), ("KeyStep 37", True)]
    assert [(choice.label, choice.remark) for choice in outputs.choices] == [("FluidSynth", "lost")]
    [nothing, _] = port_sections(None, PortNames(problem="libasound2 is missing"))
    assert nothing.empty == "libasound2 is missing"


def test_windows_and_mask_modes_are_those_of_the_checkpoint() -> None:
    _, windows, modes, takes = model_sections(NOW, None)
    assert [(choice.label, choice.value, choice.current) for choice in takes.choices] == [
        ("off", 1, True),
        ("2", 2, False),
        ("4", 4, False),
    ]
    assert [choice.value for choice in windows.choices] == [0, 4, 8]
    assert next(choice.value for choice in modes.choices) == "auto"
    assert "token" not in [choice.value for choice in modes.choices]
    other = replace(NOW, model=replace(NOW.model, model_dim=12, mask_mode="token"))
    _, windows, modes, _ = model_sections(other, [])
    current = [choice.value for section in (windows, modes) for choice in section.choices if choice.current]
    assert current == [8, "auto"], "chosen for another checkpoint: what the session makes of it"
    loading = model_sections(replace(NOW, checkpoint=None), [])
    assert [section.name for section in loading] == ["checkpoint", "waiting"]


def test_the_list_of_checkpoints_is_read_with_care() -> None:
    [ghost] = parse_checkpoints(b'[{"name": "ghost", "num_bars_map": [4, 8], "parameters": 5}, {"path": "x"}, 3]')
    assert (ghost.name, ghost.num_bars_map) == ("ghost", (4, 8))
    assert parse_checkpoints("not json") == []
    assert parse_checkpoints("{}") == []


@pytest.mark.skipif(not shipped_checkpoints(), reason="no shipped checkpoint in this checkout")
def test_the_list_of_checkpoints_is_what_the_command_says() -> None:
    found = {checkpoint.name: checkpoint.num_bars_map for checkpoint in installed_checkpoints()}
    assert found["yellow_mini"] == (4, 8)


def test_an_added_part_takes_a_free_channel() -> None:
    assert new_part(DRUMS, set()).channel == 9
    assert new_part(33, {0, 1, 9}).channel == 2
    assert new_part(33, {0, 1}).name == "fingered bass"


def test_what_is_set_can_be_saved_and_read_again_with_the_devices_of_the_preset(tmp_path, monkeypatch) -> None:
    from companion.config import presets

    monkeypatch.setattr(presets, "presets_dir", lambda: tmp_path)
    tracks = (TrackSettings("you", "human"), TrackSettings("bass", "companion", channel=1, output_port="Synth"))
    verse = SessionSettings(tracks, rewrite="never")
    begun = SessionSettings(tracks, lead_margin=1.5, practice=PracticeSettings(0.9), snapshots={"verse": verse})
    launcher = Launcher(LaunchOptions(begun, PortChoice("Keys", "Synth"), preset=presets.Preset("mine", "Mine", begun)))
    desk = PresetDesk(launcher, None, attached=False)
    with pytest.raises(UsageError, match="has not begun"):
        desk.save("mine", with_song=False)
    added = TrackSettings("piano", "companion", channel=2)
    present = SessionSettings(
        (TrackSettings("you", "human"), TrackSettings("bass", "companion", channel=1), added),
        clock=ClockSettings("internal", 97.4567),
        wait_bars=4,
        learned={"cc:64@0": "tap"},
        knobs=(Knob("bend@0", "volume", 1, 127, 0, "s"),),
        zones=(Zone("low", 0, 40),),
    )
    desk.take_settings(present)
    desk.ports["out"] = "Other"
    saved = presets.load_preset(desk.save("mine", with_song=False))
    wanted = replace(
        present,
        tracks=(*tracks, added),
        clock=ClockSettings("internal", 97.46),
        lead_margin=1.5,
        practice=PracticeSettings(0.9),
        snapshots={"verse": verse},
    )
    assert saved.settings == wanted
    assert (saved.title, saved.ports) == ("Mine", PortChoice("", "Other"))
    desk.take_stored({})
    assert presets.load_preset(desk.save("mine", with_song=True)).settings == replace(
        wanted, practice=PracticeSettings(), snapshots={}
    )


def test_drawing_slows_down_when_it_costs_too_much_and_recovers() -> None:
    pace = Pace()
    for second in range(4):
        pace.due(float(second), cpu_seconds=second * 0.3)
    assert pace.interval > FASTEST_SECONDS
    for second in range(4, 20):
        pace.due(float(second), cpu_seconds=1.0)
    assert pace.interval == FASTEST_SECONDS


def test_a_scripted_performance_is_a_performance() -> None:
    performance = ScriptedPerformance(lambda seconds: snapshot_at(seconds, generation=GenerationView("idle")))
    assert performance.snapshot() is not None
