"""OSC addresses become commands; the state becomes messages."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from companion.errors import CommandError
from companion.runtime.remote.addresses import ADDRESSES, commands_for, documentation
from companion.runtime.remote.state import changes, state_of
from companion.session.api.bar_commands import AnotherTake
from companion.session.api.lane_commands import Mute, SetAttribute
from companion.session.api.model_commands import SetModel, SetSampling
from companion.session.api.transport_commands import Seek, SetTempo, Start
from tests.tui.scripted import snapshot_at


@pytest.mark.parametrize(
    ("path", "arguments", "wanted"),
    [
        ("/companion/start", (), [Start()]),
        ("/companion/tempo", (93.5,), [SetTempo(93.5)]),
        ("/companion/mute", (2,), [Mute(1, None)]),
        ("/companion/mute", (2, 0), [Mute(1, False)]),
        ("/companion/seek", (9.0,), [Seek(8)]),
        ("/companion/attribute", (2, "note_density", 3), [SetAttribute(1, "note_density", 3)]),
        ("/companion/attribute", (2, "note_density", -1), [SetAttribute(1, "note_density", None)]),
        ("/companion/harmony", (0.5,), [SetSampling(harmony=0.5)]),
        ("/companion/another_take", (), [AnotherTake()]),
        ("/companion/another_take", (2,), [AnotherTake(1)]),
        ("/companion/takes", (4,), [SetModel(takes=4)]),
        ("/companion/do", ("mute", "track", 0, "on", True), [Mute(0, True)]),
        ("/midigpt/session/start", (), [Start()]),
        ("/param/set", ("temperature", 0.9), [SetSampling(temperature=0.9)]),
        ("/midigpt/param/set", ("model_dim", 4.0), [SetModel(model_dim=4)]),
        ("/track/set_ignore", (1, 1), [Mute(1, True)]),
    ],
)
def test_an_address_means_commands(path: str, arguments: tuple, wanted: list) -> None:
    assert commands_for(path, arguments, snapshot_at(9.1)) == wanted


def test_midigpts_one_agent_is_every_part_of_ours() -> None:
    wishes = commands_for("/attr/set", ("note_density", 4), snapshot_at(9.1))
    assert wishes == [SetAttribute(lane, "note_density", 4) for lane in (1, 2, 3)]


@pytest.mark.parametrize(
    ("path", "arguments", "said"),
    [
        ("/nowhere", (), "unknown OSC address /nowhere"),
        ("/bell\x07\n" + "x" * 500, (), r"unknown OSC address /bell\\x07\\nx+…$"),
        ("/companion/tempo", (), "/companion/tempo: bpm is missing"),
        ("/companion/tempo", ("fast",), "bpm is not a number"),
        ("/companion/tempo", (9999.0,), "/companion/tempo: set tempo: bpm"),
        ("/companion/mute", (0,), "tracks count from 1"),
        ("/companion/mute", (1.5,), "track is not a whole number"),
        ("/companion/mute", (float("nan"),), "track is not a whole number"),
        ("/companion/mute", (float("inf"),), "track is not a whole number"),
        ("/companion/do", ("explode",), "unknown command: explode"),
        ("/companion/do", ("mute", "track"), "pairs"),
        ("/param/set", ("buffer_bars", 4), "no counterpart"),
    ],
)
def test_what_is_wrong_is_one_line(path: str, arguments: tuple, said: str) -> None:
    with pytest.raises(CommandError, match=said) as caught:
        commands_for(path, arguments, snapshot_at(9.1))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 200


def test_only_what_changed_is_told() -> None:
    playing = snapshot_at(9.1)
    stopped = replace(playing, transport=replace(playing.transport, state="stopped"))
    first = changes({}, state_of(stopped))
    assert ("/companion/transport", ("stopped",)) in first
    assert ("/companion/lane", (2, "bass", 0, 0)) in first
    assert changes(state_of(stopped), state_of(stopped)) == []
    assert changes(state_of(stopped), state_of(playing)) == [
        ("/companion/transport", ("running",)),
        ("/midigpt/session/started", ()),
    ]


def test_the_documented_table_is_the_one_in_use() -> None:
    page = (Path(__file__).parents[3] / "docs" / "osc.md").read_text(encoding="utf-8")
    assert documentation() in page
    assert len(re.findall(r"^\| `/", documentation(), re.M)) > len(ADDRESSES)
