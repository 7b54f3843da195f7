"""Commands are made right or not at all, and old logs' commands are still understood."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

import pytest

from companion.errors import CommandError
from companion.runtime.recording.documents import from_json, to_json
from companion.session import api
from companion.session.api import calls, lane_commands
from companion.session.api.bar_commands import Keep, Lock
from companion.session.api.command_base import Command
from companion.session.api.commands import COMMANDS, Refused, arguments_of, command, command_of_action
from companion.session.api.lane_commands import Mute
from companion.session.api.model_commands import SetSampling
from companion.session.api.song_commands import SetChord, SetLoop, SetProgression, Trade
from companion.session.api.transport_commands import SetTempo, Wait


def test_a_name_and_keywords_make_the_same_command_as_its_class() -> None:
    assert command("mute", track=1, on=True) == Mute(1, True)
    assert command("set_tempo", bpm=90) == SetTempo(90)
    assert command("set_loop", start=0, end=None) == SetLoop(0)
    assert command("keep") == Keep() != Keep(on=True)


def test_every_command_is_registered_under_its_class_name() -> None:
    modules = [import_module(f"{api.__name__}.{found.name}") for found in iter_modules(api.__path__)]
    classes = {
        value
        for module in modules
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Command) and value not in (Command, Refused)
    }
    assert sorted(COMMANDS) == sorted(kind.command_name for kind in classes)
    assert COMMANDS["set_time_signature"].command_name == "set_time_signature"


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("fly", {}, "unknown command: fly"),
        ("refused", {"reason": "x"}, "unknown command: refused"),
        ("mute", {}, "mute: track is missing"),
        ("mute", {"track": "bass"}, "mute: track must be a whole number"),
        ("mute", {"track": True}, "mute: track must be a whole number"),
        ("mute", {"track": 1, "on": "yes"}, "mute: on must be true or false"),
        ("mute", {"track": 1, "loud": 3}, "mute: unknown argument loud (known: track, on)"),
        ("tap", {"twice": True}, "tap: unknown argument twice (it has none)"),
        ("set_tempo", {"bpm": 401}, "set tempo: bpm must be from 10 to 400"),
        ("set_tempo", {"bpm": float("nan")}, "set tempo: bpm must be a number"),
        ("set_time_signature", {"numerator": 4, "denominator": 3}, "the denominator must be a power of two"),
        ("set_role", {"track": 1, "role": "king"}, "role must be human, companion, backing or silent"),
        ("set_model", {"engine": "steam"}, "set model: engine must be auto, reference, native, onnx or cuda"),
        ("add_track", {"settings": None}, "add track: settings must be TrackSettings"),
        ("trade", {"bars": 65}, "trade: bars must be from 0 to 64"),
        ("learn", {"action": "fly:2"}, "unknown command: fly"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(name: str, arguments: dict[str, object], said: str) -> None:
    with pytest.raises(CommandError) as raised:
        command(name, **arguments)
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


def test_learned_actions_name_a_command_and_a_track() -> None:
    assert command_of_action("mute:2") == Mute(2)
    assert command_of_action("keep") == Keep()
    with pytest.raises(CommandError, match="track is missing"):
        command_of_action("mute")


@pytest.mark.parametrize(
    ("action", "made"),
    [
        ("fill:now", calls.Fill("now")),
        ("set_intensity:80", calls.SetIntensity(80)),
        ("follow_dynamics:.5", calls.FollowDynamics(0.5)),
        ("mute:2,off", Mute(2, False)),
        ("set_attribute:1,note_density,7", lane_commands.SetAttribute(1, "note_density", 7)),
        ("set_attribute:1,note_density,none", lane_commands.SetAttribute(1, "note_density", None)),
        ("set_sampling:temperature=0.8, harmony=1", SetSampling(temperature=0.8, harmony=1.0)),
        ("keep:off", Keep(on=False)),
        ("set_progression:Dm7 | G7, off", SetProgression("Dm7 | G7", False)),
        ("set_chord:3,Dm7, G7", SetChord(3, "Dm7, G7")),
        ("wait:4", Wait(4)),
    ],
)
def test_learned_actions_give_arguments_in_order_or_by_name(action: str, made: Command) -> None:
    assert command_of_action(action) == made


@pytest.mark.parametrize(
    ("action", "said"),
    [
        ("set_intensity:loud", "set intensity: value = 'loud' is not a whole number"),
        ("set_intensity:101", "set intensity: value must be from 0 to 100"),
        ("set_tempo:1e9", "set tempo: bpm = '1e9' is not a number"),
        ("tap:2", "tap: '2' is one argument too many (it has none)"),
        ("mute:1,on,3", "mute: '3' is one argument too many (known: track, on)"),
        ("fill:soon", "fill: at must be now, beat, bar or section"),
        ("add_track:bass", "add track: settings = 'bass' is not something that an action can say"),
        ("recall_nothing:verse", "unknown command: recall_nothing"),
    ],
)
def test_an_action_that_cannot_be_read_is_said_in_one_line(action: str, said: str) -> None:
    with pytest.raises(CommandError) as raised:
        command_of_action(action)
    assert str(raised.value) == said


def test_the_arguments_of_a_command_make_it_again() -> None:
    for made in (Mute(3), Lock(5, False), SetSampling(top_p=0.9), Trade(4)):
        assert command(made.command_name, **arguments_of(made)) == made


def test_commands_in_old_logs_are_read_right_or_wrong() -> None:
    old = {"_": "Command", "name": "mute", "arguments": [["on", True], ["track", 1]]}
    assert from_json(old) == Mute(1, True)
    assert from_json({"_": "Command", "name": "panic"}) == lane_commands.Panic()
    wrong = from_json({"_": "Command", "name": "set_sampling", "arguments": [["temperature", "hot"]]})
    assert wrong == Refused("set sampling: temperature must be a number")
    assert from_json(to_json(wrong)) == wrong
