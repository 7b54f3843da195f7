"""Everything that is set, stored and recalled, in simulated time: where it takes effect, what ends, and what goes on."""

from __future__ import annotations

from dataclasses import replace

import pytest

from companion.midi.messages import ControlChange, NoteOff, NoteOn, ProgramChange
from companion.music import Note, TimeSignature
from companion.session.api.bar_commands import Redo, Undo
from companion.session.api.calls import FollowDynamics, SetIntensity
from companion.session.api.effects import LoadModel, Notice, SnapshotsChanged
from companion.session.api.lane_commands import (
    AddTrack,
    Mute,
    RemoveTrack,
    SetAttribute,
    SetProgram,
    SetRole,
    SetVolume,
)
from companion.session.api.model_commands import SetModel, SetSampling
from companion.session.api.settings import ChordSettings, ClockSettings, SessionSettings, TrackSettings
from companion.session.api.snapshot_commands import LoadSettings, RecallSnapshot, RemoveSnapshot, StoreSnapshot
from companion.session.api.song_commands import SetChord, SetProgression
from companion.session.api.transport_commands import SetTempo, SetTimeSignature, Start, Stop
from tests.session.session_stage import READY, Stage, trio
from tests.session.test_history import dials

BASS, DRUMS, STRINGS = 1, 2, 3
# Our own clock starts at second 0.5 and a bar lasts 2 s at 120 BPM: bar n begins at 0.5 + 2 n.


def playing(settings: SessionSettings | None = None, **options) -> Stage:
    stage = Stage(settings or trio(clock=ClockSettings("internal")), **options)
    stage.at(0, READY)
    stage.at(0.5, Start())
    for beat in range(60):
        stage.play(0.5 + beat * 0.5, (60, 64, 67, 72)[beat % 4], 0.4)
    return stage


def notices(stage: Stage) -> list[str]:
    return [effect.text for _, effect in stage.log if isinstance(effect, Notice)]


def onsets(stage: Stage, lane: int, start: float, end: float) -> list[float]:
    return [round(time - start, 3) for time, _ in stage.sent(NoteOn, lane) if start - 1e-3 <= time < end - 1e-3]


def held(job, target: int) -> list[Note]:
    """A note on each beat and one that is held over the bar line."""
    return [*(Note(480 * beat, 400, 40 + beat, 90) for beat in range(4)), Note(0, 4 * 480 + 960, 60, 90)]


def test_a_snapshot_puts_everything_back_on_the_next_bar_line() -> None:
    stage = playing()
    stage.at(2.6, StoreSnapshot("verse"))
    stage.run(2.7)
    stored = dials(stage.session.snapshot(stage.now))
    for number, change in enumerate(
        (
            Mute(BASS, True),
            SetProgram(STRINGS, 0),
            SetVolume(DRUMS, 40),
            SetAttribute(BASS, "note_density", 8),
            SetSampling(temperature=1.5, harmony=2.0),
            SetModel(takes=3, model_dim=4),
            SetIntensity(90),
            FollowDynamics(0.5),
            SetProgression("Dm7 | G7"),
            SetTempo(90),
        )
    ):
        stage.at(3.0 + 0.1 * number, change)
    # At 90 BPM from 3.9 on, where 1.4 s = 2.8 beats of bar 1 have passed: its line is 1.2 beats = 0.8 s later, and a bar lasts 2.667 s.
    stage.at(5.0, RecallSnapshot("verse"))  # in bar 2, which began at 4.7; bar 3 begins at 7.367
    stage.run(7.3)
    before = stage.session.snapshot(stage.now)
    assert (before.intensity, before.transport.bpm) == (90, 90.0), "nothing that is heard changes before the line"
    assert before.lanes[DRUMS].volume == 40
    stage.run(7.4)
    after = dials(stage.session.snapshot(stage.now))
    of_bars = ("locked", "meter")  # the screen shows other bars by now
    assert {name: value for name, value in after.items() if name not in of_bars} == {
        name: value for name, value in stored.items() if name not in of_bars
    }
    stage.run(9.0)
    lines = [time for time, effect in stage.sent(NoteOn, DRUMS) if 7.0 < time < 9.0]
    assert lines == pytest.approx([7.3667, 7.8667, 8.3667, 8.8667], abs=0.001), "120 BPM from the line on"
    assert "verse: from the next bar on" in notices(stage)


def test_a_part_that_joins_is_written_for_the_very_next_bar_and_one_that_leaves_plays_to_the_line() -> None:
    stage = playing()
    stage.at(2.6, StoreSnapshot("trio"))
    stage.at(2.7, RemoveTrack(STRINGS))
    stage.at(2.8, AddTrack(TrackSettings("brass", "companion", program=61, channel=5)))
    stage.at(8.6, RecallSnapshot("trio"))  # in bar 4: bar 5 begins at 10.5
    stage.run(14.4)
    brass = 4
    assert onsets(stage, brass, 8.5, 10.5) == [0.0, 0.5, 1.0, 1.5]
    assert onsets(stage, brass, 10.5, 14.5) == []
    assert onsets(stage, STRINGS, 4.5, 10.5) == []
    assert onsets(stage, STRINGS, 10.5, 12.5) == [0.0, 0.5, 1.0, 1.5]
    program = [(time, effect.message) for time, effect in stage.sent(ProgramChange, STRINGS) if time > 8.0]
    assert program == [(pytest.approx(10.5), ProgramChange(2, 48))]
    assert stage.session.bars_by_step.keys() == {"fresh"}


def test_a_note_that_is_held_over_the_line_ends_there_where_its_part_leaves_and_goes_on_elsewhere() -> None:
    settings = trio(clock=ClockSettings("internal"))
    less = replace(settings, tracks=settings.tracks[:3])
    stage = playing(replace(settings, snapshots={"less": less}), answer=held)
    stage.at(8.6, RecallSnapshot("less"))
    stage.run(12.4)
    strings = [time for time, effect in stage.sent(NoteOff, STRINGS) if effect.message.key == 60 and time > 8.6]
    bass = [time for time, effect in stage.sent(NoteOff, BASS) if effect.message.key == 60 and 8.6 < time < 12.4]
    assert strings == [pytest.approx(10.5)]
    assert bass[0] == pytest.approx(10.5), "struck again on the line"
    stage.close()
    assert stage.hanging == 0


def test_an_instrument_changes_on_the_line_between_the_old_notes_and_the_new() -> None:
    settings = trio(clock=ClockSettings("internal"))
    piano = tuple(
        replace(track, program=0, volume=70) if track.name == "strings" else track for track in settings.tracks
    )
    stage = playing(replace(settings, snapshots={"piano": replace(settings, tracks=piano)}), answer=held)
    stage.at(8.6, RecallSnapshot("piano"))
    stage.run(12.4)
    stage.close()
    order = [
        type(effect.message).__name__
        for _, effect in stage.log
        if getattr(effect, "source", None) == STRINGS and abs(effect.due_seconds - 110.5) < 0.01
    ]
    offs, others = order.count("NoteOff"), [name for name in order if name != "NoteOff"]
    assert offs >= 1
    assert order[:offs] == ["NoteOff"] * offs
    assert others[:2] == ["ProgramChange", "ControlChange"]
    assert set(others[2:]) == {"NoteOn"}
    assert [effect.message for _, effect in stage.sent(ControlChange, STRINGS)] == [ControlChange(2, 7, 70)]


def test_a_muted_part_is_heard_from_the_first_beat_of_the_next_bar() -> None:
    stage = playing()
    stage.at(2.6, StoreSnapshot("all"))
    stage.at(2.7, Mute(BASS, True))
    stage.at(8.6, RecallSnapshot("all"))
    stage.at(12.6, Mute(STRINGS, True))
    stage.at(12.7, StoreSnapshot("no strings"))
    stage.at(12.8, Mute(STRINGS, False))
    stage.at(14.6, RecallSnapshot("no strings"))
    stage.run(20)
    assert onsets(stage, BASS, 8.5, 10.5) == []
    assert onsets(stage, BASS, 10.5, 12.5) == [0.0, 0.5, 1.0, 1.5]
    assert onsets(stage, STRINGS, 14.5, 16.5) == [0.0, 0.5, 1.0, 1.5]
    assert onsets(stage, STRINGS, 16.5, 20.0) == []


def test_another_checkpoint_is_loaded_beside_the_old_one() -> None:
    stage = playing(load_seconds=5.0)
    stage.at(2.6, StoreSnapshot("yellow"))
    stage.at(2.7, SetModel(checkpoint="ghost"))  # ready at 7.7
    stage.at(8.6, RecallSnapshot("yellow"))  # ready at 13.6
    stage.run(20)
    loads = [effect.model.checkpoint for _, effect in stage.log if isinstance(effect, LoadModel)]
    assert loads == ["ghost", "yellow"]
    asked = [(time, effect.job.size) for time, effect in stage.jobs()]
    assert {size for time, size in asked if 7.75 < time < 13.59} == {"ghost"}
    assert {size for time, size in asked if time > 13.65} == {"yellow"}
    assert stage.session.bars_by_step.keys() == {"fresh"}


def test_the_meter_and_the_chords_change_on_the_line() -> None:
    stage = playing()
    stage.at(2.7, SetTimeSignature(3, 4))
    stage.at(2.8, StoreSnapshot("three"))
    stage.at(2.95, SetTimeSignature(4, 4))
    stage.at(8.6, RecallSnapshot("three"))
    stage.run(16)
    timeline = stage.session.timeline
    assert [timeline.meter(bar) for bar in (4, 5, 6)] == [TimeSignature(), TimeSignature(3, 4), TimeSignature(3, 4)]
    assert onsets(stage, BASS, 10.5, 12.0) == [0.0, 0.5, 1.0]


def test_overwritten_bars_of_a_progression_are_part_of_it() -> None:
    stage = playing()
    stage.at(0.3, SetProgression("C | F"))
    stage.at(2.6, SetChord(5, "Am7 D7"))
    stage.at(2.7, StoreSnapshot("mine"))
    stage.at(2.8, SetProgression("Eb"))
    stage.at(8.6, RecallSnapshot("mine"))
    stage.run(12)
    assert stage.session.snapshot(stage.now).chords.progression == "C | Am7 D7"


def test_at_rest_everything_changes_at_once() -> None:
    settings = trio(clock=ClockSettings("internal"))
    other = replace(
        settings, tracks=settings.tracks[:2], clock=replace(settings.clock, bpm=90.0), chords=ChordSettings("G | D")
    )
    stage = Stage(settings)
    stage.at(0, READY)
    stage.at(0.2, LoadSettings("duo", other))
    stage.run(0.3)
    shown = stage.session.snapshot(stage.now)
    assert [lane.name for lane in shown.lanes] == ["me", "bass"]
    assert (shown.transport.bpm, shown.chords.progression) == (90.0, "G | D")
    assert notices(stage)[-1] == "duo: everything is set"


def test_a_stop_before_the_line_leaves_nothing_halfway() -> None:
    stage = playing()
    stage.at(2.6, StoreSnapshot("trio"))
    stage.at(2.7, RemoveTrack(STRINGS))
    stage.at(2.8, SetIntensity(90))
    stage.at(8.6, RecallSnapshot("trio"))
    stage.at(9.0, Stop())
    stage.run(9.1)
    shown = stage.session.snapshot(stage.now)
    assert [lane.name for lane in shown.lanes] == ["me", "bass", "drums", "strings"]
    assert shown.intensity == 50
    stage.close()
    assert stage.hanging == 0


def test_a_preset_with_other_lanes_is_loaded_while_playing() -> None:
    other = SessionSettings(
        tracks=(
            TrackSettings("you", "human"),
            TrackSettings("organ", "companion", program=16, channel=3),
            TrackSettings("drums", "companion", is_drum=True, channel=9),
        ),
        clock=ClockSettings("external", bpm=100.0),
    )
    stage = playing()
    stage.at(8.6, LoadSettings("organ trio", other))
    stage.run(16)
    shown = stage.session.snapshot(stage.now)
    assert [lane.name for lane in shown.lanes] == ["me", "drums", "organ"], "the player's lane goes on"
    assert shown.transport.source == "internal", "the clock that plays goes on"
    assert shown.transport.bpm == 100.0
    assert onsets(stage, 4, 8.5, 10.5) == []
    assert len([time for time, _ in stage.sent(NoteOn, 4) if 10.49 < time < 12.89]) == 4
    assert len([time for time, _ in stage.sent(NoteOn, DRUMS) if 10.49 < time < 12.89]) == 4
    assert onsets(stage, BASS, 10.5, 16.0) == []
    stage.close()
    assert stage.hanging == 0


def test_a_recall_is_undone_and_redone_as_one_step() -> None:
    stage = playing()
    stage.at(2.6, StoreSnapshot("trio"))
    stage.at(2.7, RemoveTrack(STRINGS))
    stage.at(2.8, SetIntensity(90))
    stage.at(8.6, RecallSnapshot("trio"))
    stage.at(11.0, Undo())  # in bar 5: from 12.5 on
    stage.at(13.0, Redo())  # in bar 6: from 14.5 on
    stage.at(13.1, Undo())  # before it has begun
    stage.run(18)
    assert onsets(stage, STRINGS, 10.5, 12.5) == [0.0, 0.5, 1.0, 1.5]
    assert onsets(stage, STRINGS, 12.5, 18.0) == []
    assert stage.session.snapshot(stage.now).intensity == 90
    assert notices(stage).count("undone: everything is set as it was") == 2


def test_a_role_changes_with_the_bar() -> None:
    stage = playing()
    stage.at(2.6, StoreSnapshot("trio"))
    stage.at(2.7, SetRole(STRINGS, "silent"))
    stage.at(8.6, RecallSnapshot("trio"))
    stage.run(13)
    assert onsets(stage, STRINGS, 8.5, 10.5) == []
    assert onsets(stage, STRINGS, 10.5, 12.5) == [0.0, 0.5, 1.0, 1.5]


def test_what_cannot_be_is_one_line() -> None:
    stage = playing()
    stage.at(2.0, RecallSnapshot("bridge"))
    stage.at(2.1, StoreSnapshot(" "))
    stage.at(2.2, StoreSnapshot("1"))
    stage.at(2.3, RecallSnapshot("bridge"))
    stage.at(2.4, RemoveSnapshot("1"))
    stage.at(2.5, RemoveSnapshot("1"))
    stage.run(3)
    assert [text for text in notices(stage) if "snapshot:" in text] == [
        "recall snapshot: there is no snapshot bridge (stored: none yet)",
        "store snapshot: a snapshot needs a name or a number",
        "recall snapshot: there is no snapshot bridge (stored: 1)",
        "remove snapshot: there is no snapshot 1",
    ]


def test_stored_snapshots_are_told_for_the_preset_and_shown() -> None:
    stage = playing()
    stage.at(2.6, StoreSnapshot("1"))
    stage.at(2.7, StoreSnapshot("verse"))
    stage.run(2.8)
    told = [effect for _, effect in stage.log if isinstance(effect, SnapshotsChanged)]
    assert list(told[-1].stored) == ["1", "verse"]
    assert told[-1].stored["verse"].tracks[1].name == "bass"
    shown = stage.session.snapshot(stage.now)
    assert (shown.stored, shown.newest_stored) == (("1", "verse"), "verse")


def test_under_an_external_clock_the_tempo_stays_the_master_s() -> None:
    settings = trio()
    stage = Stage(replace(settings, snapshots={"slow": replace(settings, clock=replace(settings.clock, bpm=60.0))}))
    stage.at(0, READY)
    stage.clock(1.0, 96 * 6)
    stage.at(6.0, RecallSnapshot("slow"))
    stage.run(12)
    assert stage.session.snapshot(stage.now).transport.bpm == pytest.approx(120, abs=0.1)


def test_a_replay_repeats_a_performance_with_recalls() -> None:
    stage = playing(answer=held)
    stage.at(2.6, StoreSnapshot("trio"))
    stage.at(2.7, RemoveTrack(STRINGS))
    stage.at(2.8, SetTempo(100))
    stage.at(8.6, RecallSnapshot("trio"))
    stage.at(11.0, Undo())
    stage.run(18)
    stage.calls.append((stage.now, None))
    assert len(stage.heard()) > 100
    assert stage.replayed() == stage.heard()


def test_a_learned_program_change_and_a_pedal_lead_without_the_screen() -> None:
    settings = trio(
        clock=ClockSettings("internal"),
        learned={"pc:3@0": "recall_snapshot:full", "cc:80@0": "store_snapshot:full", "cc:81@0": "undo"},
    )
    stage = playing(settings)
    stage.midi(2.6, ControlChange(0, 80, 127))
    stage.at(2.7, RemoveTrack(STRINGS))
    stage.midi(8.6, ProgramChange(0, 3))  # from 10.5 on
    stage.midi(12.6, ControlChange(0, 81, 127))  # from 14.5 on
    stage.run(16.4)
    assert onsets(stage, STRINGS, 8.5, 10.5) == []
    assert onsets(stage, STRINGS, 12.5, 14.5) == [0.0, 0.5, 1.0, 1.5]
    assert onsets(stage, STRINGS, 14.5, 16.4) == []
