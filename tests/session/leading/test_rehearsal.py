"""A long rehearsal: every way to lead the band in one performance, in simulated time."""

from __future__ import annotations

from companion.session.api.bar_commands import AnotherTake, Keep, Lock, Redo, Regenerate, Undo
from companion.session.api.calls import (
    Break,
    Build,
    CancelCall,
    DoubleTime,
    Drop,
    DrumsOnly,
    Ending,
    Fill,
    FollowDensity,
    FollowDynamics,
    HalfTime,
    SetIntensity,
    SoloForMe,
    StayOutOfRegister,
)
from companion.session.api.commands import COMMANDS, Command, command
from companion.session.api.lane_commands import Mute, SetProgram, SetVolume
from companion.session.api.model_commands import SetSampling
from companion.session.api.song_commands import SetProgression
from tests.session.leading.test_calls import BASS, STRINGS, notices, playing
from tests.session.session_stage import Stage

STEP_SECONDS = 1.9
FIRST_SECONDS = 6.3


def script() -> list[Command]:
    """What the player does, one thing about every bar."""
    return [
        Fill(),
        Fill(at="now"),
        Break(beats=2, at="now"),
        command("store_snapshot", name="verse"),
        SetIntensity(80),
        SetProgram(STRINGS, 48),
        SetVolume(BASS, 70),
        SetProgression("Dm7 | G7 | Cmaj7 | A7alt"),
        SoloForMe(),
        SoloForMe(),
        DrumsOnly(),
        DrumsOnly(),
        command("recall_snapshot", name="verse"),
        Undo(),
        Redo(),
        Mute(BASS),
        Undo(),
        HalfTime(),
        HalfTime(),
        DoubleTime(),
        DoubleTime(),
        FollowDynamics(1.0),
        FollowDensity(-0.5),
        StayOutOfRegister(0.7),
        AnotherTake(STRINGS),
        Regenerate(),
        Lock(),
        Keep(),
        Keep(),
        SetSampling(temperature=0.9, harmony=0.8),
        command("set_zone", name="left hand", low=0, high=47, track=0),
        command("remove_zone", name="left hand"),
        command("learn_dial", dial="intensity"),
        Build(2),
        Fill(at="section"),
        CancelCall(),
        Drop(),
        SetIntensity(50),
        Break(8, "bar"),
        Ending(),
    ]


def rehearse() -> Stage:
    stage = playing(bars=60, engine_seconds=0.6)
    calls = script()
    for number, call in enumerate(calls):
        stage.at(FIRST_SECONDS + STEP_SECONDS * number, call)
    stage.run(FIRST_SECONDS + STEP_SECONDS * len(calls) + 12)
    stage.close()
    return stage


def test_one_performance_with_all_of_it_leaves_nothing_hanging_and_repeats_itself() -> None:
    stage = rehearse()
    assert stage.hanging == 0
    assert stage.double_ons == 0
    assert not [text for text in notices(stage) if "fault" in text]
    assert [effect for _, effect in stage.log] == [effect for _, effect in rehearse().log]


def test_the_script_has_every_call() -> None:
    from companion.session.api import calls

    used = {type(call) for call in script()}
    # An intro comes before the first bar, and has tests of its own.
    known = {kind for kind in COMMANDS.values() if kind.__module__ == calls.__name__} - {COMMANDS["intro"]}
    assert known <= used
