"""Undo and redo in simulated time: what each change puts back, what is one step, and what can no longer be undone."""

from __future__ import annotations

import pytest

from companion.midi.messages import ControlChange, NoteOn, ProgramChange
from companion.session.api.bar_commands import Keep, Lock, Redo, Regenerate, Undo
from companion.session.api.calls import (
    Break,
    Build,
    CancelCall,
    Drop,
    DrumsOnly,
    Ending,
    Fill,
    FollowDynamics,
    SetIntensity,
)
from companion.session.api.command_base import Command
from companion.session.api.control_commands import ForgetControl, SetKnob
from companion.session.api.effects import Notice
from companion.session.api.lane_commands import (
    AddTrack,
    Mute,
    RemoveTrack,
    SetAttribute,
    SetPan,
    SetProgram,
    SetRole,
    SetVolume,
    Solo,
)
from companion.session.api.model_commands import SetModel, SetRewriting, SetSampling
from companion.session.api.settings import ClockSettings, Knob, TrackSettings
from companion.session.api.setup_commands import Thru
from companion.session.api.snapshot import Snapshot
from companion.session.api.song_commands import (
    Answer,
    SetChord,
    SetChordZone,
    SetLoop,
    SetProgression,
    Trade,
    Transpose,
)
from companion.session.api.transport_commands import (
    Click,
    SetTempo,
    SetTempoFactor,
    SetTimeSignature,
    Start,
    Tap,
    Wait,
)
from companion.session.commands.history import STEPS_KEPT
from tests.session.session_stage import READY, Stage, trio
from tests.session.test_practising import settings as song_settings

BASS, DRUMS, STRINGS = 1, 2, 3
# Our own clock starts at second 0.5 and a bar lasts 2 s at 120 BPM: bar n begins at 0.5 + 2 n.


def playing(**options) -> Stage:
    knobs = (Knob("cc:74@0", "intensity", None, 0, 100),)
    stage = Stage(trio(clock=ClockSettings("internal"), knobs=knobs, learned={"cc:80@0": "keep"}), **options)
    stage.at(0, READY)
    stage.at(0.5, Start())
    for beat in range(40):
        stage.play(0.5 + beat * 0.5, (60, 64, 67, 72)[beat % 4], 0.4)
    return stage


def notices(stage: Stage) -> list[str]:
    return [effect.text for _, effect in stage.log if isinstance(effect, Notice)]


def dials(snapshot: Snapshot) -> dict[str, object]:
    """What a player sees of everything that can be set."""
    return {
        "lanes": [
            (lane.index, lane.role, lane.program, lane.channel, lane.muted, lane.solo, dict(lane.attributes))
            for lane in snapshot.lanes
        ],
        "levels": [(lane.volume, lane.pan) for lane in snapshot.lanes],
        "model": snapshot.model,
        "controls": (snapshot.learned, [view.knob for view in snapshot.knobs]),
        "calls": snapshot.calls,
        "kept": snapshot.kept_bar,
        "leading": (snapshot.intensity, snapshot.follow_dynamics),
        "transport": (snapshot.transport.bpm, snapshot.click, snapshot.thru, snapshot.wait_bars, snapshot.entry_bar),
        "chords": (snapshot.chords.progression, snapshot.chords.zones, snapshot.rewrite),
        "turns": (snapshot.trade_bars, snapshot.answer),
        "practice": snapshot.practice
        and (snapshot.practice.tempo_factor, snapshot.practice.transpose, snapshot.practice.loop),
        "locked": [bar.locked for lane in snapshot.lanes for bar in lane.bars],
        "meter": [place.time_signature for place in snapshot.bars if place.bar > snapshot.transport.bar],
    }


CHANGES: list[tuple[Command, str]] = [
    (Mute(BASS), "bass is heard"),
    (Solo(STRINGS, True), "strings is not alone"),
    (SetProgram(STRINGS, 0), "strings is String Ensemble 1"),
    (SetVolume(BASS, 40), "bass has volume as usual"),
    (SetPan(BASS, 0), "bass has pan as usual"),
    (SetAttribute(BASS, "note_density", 8), "note density of bass is free"),
    (SetRole(STRINGS, "silent"), "strings is the companion's"),
    (AddTrack(TrackSettings("brass", "companion", program=61)), "the parts are me, bass, drums, strings"),
    (RemoveTrack(STRINGS), "the parts are me, bass, drums, strings"),
    (SetSampling(temperature=1.5, top_p=0.5), "temperature is 1, top p is 0.95"),
    (SetModel(takes=3), "takes is 1"),
    (SetModel(model_dim=4), "model dim is 0"),
    (ForgetControl("cc:74@0"), "2 controls"),
    (SetKnob("cc:74@0", high=60), "2 controls"),
    (SetRewriting("beat"), "rewriting within the bar is never"),
    (SetIntensity(90), "intensity is 50"),
    (Drop(), "intensity is 50"),
    (FollowDynamics(0.5), "follow dynamics is 0"),
    (Fill(), "calls: none"),
    (Break(at="bar"), "calls: none"),
    (Ending(), "calls: none"),
    (Build(), "calls: none"),
    (DrumsOnly(), "drums only off"),
    (SetTempo(90), "tempo is 120 BPM"),
    (SetTimeSignature(3, 4), "the meter is 4/4"),
    (Click(), "the click is off"),
    (Wait(4), "the companion waits 0 bars"),
    (Thru(), "thru is off"),
    (SetProgression("Dm7 | G7"), "the chords are heard"),
    (SetChord(6, "Am7"), "the chords are heard"),
    (SetChordZone(52), "chord zones: none"),
    (Trade(4), "no trading"),
    (Answer(), "no answers"),
    (Keep(), "new bars are written"),
    (Lock(), "bar 5 is not locked"),
]


@pytest.mark.parametrize(("change", "said"), CHANGES, ids=[change.command_name for change, _ in CHANGES])
def test_a_change_is_undone_and_redone_and_a_line_says_so(change: Command, said: str) -> None:
    # Bar 3 begins at 6.5 and bar 4 at 8.5. The plan of bar 4 is complete by 8.3 (the engine takes 0.2 s).
    stage = playing()
    stage.run(8.3)
    before = dials(stage.session.snapshot(stage.now))
    stage.at(8.31, change)
    stage.run(8.31)
    changed = dials(stage.session.snapshot(stage.now))
    stage.at(8.32, Undo())
    stage.run(8.32)
    undone = dials(stage.session.snapshot(stage.now))
    stage.at(8.33, Redo())
    stage.run(8.33)
    redone = dials(stage.session.snapshot(stage.now))
    stage.run(16)
    stage.close()
    assert undone == before
    assert redone == changed
    if not isinstance(change, SetChord):  # the bar that it changes is not on the screen yet
        assert changed != before
    assert [text for text in notices(stage) if text.startswith("undone")] == [f"undone: {said}"]
    assert len([text for text in notices(stage) if text.startswith("redone")]) == 1
    assert stage.hanging == 0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (SetLoop(0, 2), "no loop"),
        (SetTempoFactor(0.5), "tempo is 100% of the written one"),
        (Transpose(3), "transposed by +0"),
        (Keep(True), "fills are new"),
        (SetRole(1, "human"), "who plays what"),
    ],
)
def test_practising_is_undone_too(change: Command, said: str) -> None:
    stage = Stage(song_settings())
    stage.at(0, READY)
    stage.at(0.5, Start())
    stage.run(3.0)
    before = dials(stage.session.snapshot(stage.now))
    stage.at(3.1, change)
    stage.at(3.2, Undo())
    stage.run(3.2)
    assert dials(stage.session.snapshot(stage.now)) == before
    assert f"undone: {said}" in notices(stage)
    stage.at(3.3, Undo())
    stage.run(3.3)
    assert notices(stage)[-1] == "undo: nothing to undo"


def test_the_chords_of_a_heard_bar_are_heard_again() -> None:
    stage = playing()
    stage.run(8.3)

    def chord_of(bar: int) -> str:
        found = next(each for each in stage.session.snapshot(stage.now).chords.bars if each.bar == bar)
        return str(found.spans[0].chord)

    heard = chord_of(2)
    stage.at(8.4, SetChord(2, "F#dim"))
    stage.run(8.4)
    assert chord_of(2) != heard
    stage.at(8.5, Undo())
    stage.run(8.5)
    assert chord_of(2) == heard


def test_a_regenerated_bar_plays_its_first_draft_after_undo_and_its_second_after_redo() -> None:
    def keys(*commands: tuple[float, Command]) -> list[int]:
        stage = playing()
        for at, asked in commands:
            stage.at(at, asked)
        stage.run(10.4)
        return [effect.message.key for time, effect in stage.sent(NoteOn, BASS) if 8.4 < time < 10.4]

    # Bar 4 (from 8.5) is asked for at 7.9, and its plan is complete at 8.1.
    first = keys()
    second = keys((8.15, Regenerate()))
    assert second != first
    assert keys((8.15, Regenerate()), (8.4, Undo())) == first
    assert keys((8.15, Regenerate()), (8.4, Undo()), (8.42, Redo())) == second


def test_undo_before_the_new_draft_is_complete_gives_up_its_request() -> None:
    stage = playing()
    stage.at(8.15, Regenerate())
    stage.at(8.2, Undo())
    stage.at(8.25, Redo())  # the second draft was cut off: it is asked for again
    stage.run(10.4)
    asked = [time for time, _ in stage.jobs() if 8.12 < time < 8.46]
    assert asked == pytest.approx([8.15, 8.25])
    assert len([time for time, _ in stage.sent(NoteOn, BASS) if 8.4 < time < 10.4]) == 4


def test_what_has_been_played_is_passed_over() -> None:
    stage = playing()
    stage.at(7.0, SetIntensity(80))
    stage.at(8.0, Regenerate())  # of bar 4, which begins at 8.5
    stage.at(8.1, Fill())
    stage.at(11.0, Undo())
    stage.run(11.0)
    assert notices(stage)[-1] == "undone: intensity is 50"
    stage.at(11.1, Undo())
    stage.run(11.1)
    assert notices(stage)[-1] == "undo: nothing to undo"


def test_a_call_that_waits_is_taken_back_and_one_that_was_taken_back_returns() -> None:
    stage = playing()
    stage.at(6.6, Fill())  # in bar 4, from 8.5
    stage.at(6.7, CancelCall())
    stage.at(6.8, Undo())
    stage.run(6.9)
    assert [call.kind for call in stage.session.snapshot(stage.now).calls] == ["fill"]
    stage.at(7.0, Undo())
    stage.run(7.0)
    assert stage.session.snapshot(stage.now).calls == ()


def test_a_turned_dial_is_one_step_and_a_pause_begins_another() -> None:
    stage = playing()
    for number, value in enumerate((55, 60, 65, 70)):
        stage.at(2.0 + 0.4 * number, SetIntensity(value))
    stage.at(6.0, SetIntensity(90))
    stage.at(7.0, Undo())
    stage.run(7.0)
    assert stage.session.snapshot(stage.now).intensity == 70
    stage.at(7.1, Undo())
    stage.run(7.1)
    assert stage.session.snapshot(stage.now).intensity == 50
    stage.at(7.2, Redo())
    stage.at(7.3, Redo())
    stage.run(7.3)
    assert stage.session.snapshot(stage.now).intensity == 90


def test_taps_are_one_step() -> None:
    stage = playing()
    for tap in range(5):
        stage.at(3.0 + 0.6 * tap, Tap())
    stage.run(5.5)
    assert stage.session.snapshot(stage.now).transport.bpm == pytest.approx(100)
    stage.at(5.6, Undo())
    stage.run(5.6)
    assert stage.session.snapshot(stage.now).transport.bpm == pytest.approx(120)


def test_a_new_change_forgets_what_was_undone() -> None:
    stage = playing()
    stage.at(2.0, Mute(BASS))
    stage.at(2.1, Undo())
    stage.at(2.2, Mute(STRINGS))
    stage.at(2.3, Redo())
    stage.run(2.3)
    assert notices(stage)[-1] == "redo: nothing to redo"


def test_what_changes_nothing_is_no_step() -> None:
    stage = playing()
    stage.at(2.0, Mute(BASS))
    stage.at(2.1, SetIntensity(50))
    stage.at(2.2, Undo())
    stage.run(2.2)
    assert notices(stage)[-1] == "undone: bass is heard"


def test_the_history_is_limited() -> None:
    stage = playing(record=True)
    for number in range(STEPS_KEPT + 20):
        stage.at(2.0 + 0.001 * number, Mute(BASS))
        stage.at(2.0005 + 0.001 * number, Mute(STRINGS))
    for number in range(STEPS_KEPT + 1):
        stage.at(3.0 + 0.001 * number, Undo())
    stage.run(4.0)
    assert len([text for text in notices(stage) if text.startswith("undone")]) == STEPS_KEPT
    assert notices(stage)[-1] == "undo: nothing to undo"


def test_a_replay_repeats_what_was_undone_and_redone() -> None:
    stage = playing()
    for number, change in enumerate((SetIntensity(80), Mute(BASS), SetTempo(100), Fill(), SetProgression("F | G"))):
        stage.at(3.0 + number, change)
        stage.at(3.3 + number, Undo())
        stage.at(3.6 + number, Redo())
    stage.at(8.15, Regenerate())
    stage.at(8.4, Undo())
    stage.run(14)
    assert len(stage.heard()) > 50
    assert stage.replayed() == stage.heard()


def test_a_restored_instrument_and_level_are_sent() -> None:
    stage = playing()
    stage.at(3.0, SetProgram(STRINGS, 0))
    stage.at(3.1, SetVolume(STRINGS, 40))
    stage.at(3.2, Undo())
    stage.at(3.3, Undo())
    stage.run(3.4)
    sent = [effect.message for time, effect in stage.sent((ProgramChange, ControlChange), STRINGS) if time > 2.9]
    assert sent == [
        ProgramChange(2, 0),
        ControlChange(2, 7, 40),
        ControlChange(2, 7, 100),
        ControlChange(2, 10, 64),
        ProgramChange(2, 48),
    ]
