"""The player's wishes, in simulated time."""

from __future__ import annotations

from dataclasses import replace

import pytest

from companion.midi.messages import ClockTick, ControlChange, NoteOff, NoteOn, ProgramChange
from companion.session.api.effects import Learned, LoadModel, Notice
from companion.session.api.events import LoadFailed, PortChanged, command
from companion.session.api.settings import ClockSettings, ModelSettings, Sampling, SessionSettings, TrackSettings
from tests.session.session_stage import READY, Stage, duo, trio, wish


def jam(settings: SessionSettings | None = None, bars: int = 8, **options) -> Stage:
    stage = Stage(settings or duo(), **options)
    stage.at(0, READY)
    stage.clock(1.0, 96 * bars)
    for beat in range(4 * bars):
        stage.play(1.0 + beat * 0.5, 60 + beat % 7, 0.4)
    return stage


def master(**changes) -> Stage:
    stage = Stage(duo(clock=ClockSettings(source="internal", bpm=120), **changes))
    stage.at(0, READY)
    return stage


def notices(stage: Stage) -> list[str]:
    return [effect.text for _, effect in stage.log if isinstance(effect, Notice)]


def pitches(stage: Stage, start: float, end: float) -> list[int]:
    return [effect.message.key for time, effect in stage.sent(NoteOn, 1) if start - 0.01 <= time < end - 0.01]


def test_keep_repeats_a_bar():
    stage = jam()
    stage.at(4.0, command("keep"))
    stage.run(14)
    assert pitches(stage, 3, 5) == pitches(stage, 7, 9) == pitches(stage, 9, 11)
    stage.at(14.1, command("keep", on=False))
    stage.run(17)
    assert stage.session.bars_by_step["kept"] >= 4


def test_regenerate_gives_the_next_bar_other_notes():
    plain, again = jam(), jam()
    again.at(4.8, command("regenerate"))
    plain.run(8)
    again.run(8)
    assert pitches(plain, 5, 7) != pitches(again, 5, 7)
    assert again.session.bars_by_step["fresh"] == plain.session.bars_by_step["fresh"]


def test_lock_then_regenerate_changes_nothing():
    plain, locked = jam(), jam()
    locked.at(4.8, command("lock"))
    locked.at(4.92, command("regenerate", bar=2))
    plain.run(8)
    locked.run(8)
    assert pitches(plain, 5, 7) == pitches(locked, 5, 7)


def test_mute_silences_at_once_and_for_good():
    stage = jam()
    stage.at(5.1, command("mute", track=1, on=True))
    stage.run(5.05)
    assert stage.hanging == 1
    stage.run(9)
    assert stage.hanging == 0
    assert pitches(stage, 5.2, 9) == []


def test_solo_leaves_only_the_soloed_lane():
    stage = jam(trio())
    stage.at(5.1, command("solo", track=2))
    stage.run(8)
    assert pitches(stage, 5.2, 8) == []
    assert [time for time, _ in stage.sent(NoteOn, 2) if time > 5.2]


def test_another_instrument_ends_its_notes_first():
    stage = jam()
    stage.at(5.1, command("set_program", track=1, program=38))
    stage.run(5.12)
    assert stage.hanging == 0
    assert stage.sent(ProgramChange)[-1][1].message == ProgramChange(1, 38)


def test_the_meter_changes_with_the_next_bar():
    stage = jam()
    stage.at(3.5, command("set_time_signature", numerator=3, denominator=4))
    stage.run(8)
    assert [stage.session.timeline.start(bar) for bar in range(5)] == [0, 4, 8, 11, 14]


def test_thru_passes_notes_and_ends_them_when_it_is_switched_off():
    stage = Stage(duo(thru=True))
    stage.midi(1.0, NoteOn(0, 60, 80))
    stage.midi(1.1, ControlChange(0, 1, 64))
    stage.at(1.5, command("thru", on=False))
    stage.run(2)
    assert [effect.message for _, effect in stage.sent((NoteOn, NoteOff, ControlChange))] == [
        NoteOn(0, 60, 80),
        ControlChange(0, 1, 64),
        NoteOff(0, 60),
    ]


def test_panic_with_notes_sounding():
    stage = jam()
    stage.at(5.1, command("panic"))
    stage.run(5.2)
    assert stage.hanging == 0
    assert [effect.message.controller for _, effect in stage.sent(ControlChange)] == [64, 123, 120]


def test_a_learned_switch_acts_on_the_way_down():
    stage = jam()
    stage.at(0.1, command("learn", action="keep"))
    stage.midi(0.2, ControlChange(0, 80, 127))
    for time, value in ((0.3, 0), (4.0, 127), (4.1, 127), (4.2, 0)):
        stage.midi(time, ControlChange(0, 80, value))
    stage.run(4.5)
    assert next(effect for _, effect in stage.log if isinstance(effect, Learned)).bindings == {"cc:80@0": "keep"}
    assert stage.session.kept_bar == 1


def test_a_program_change_is_learned_and_acts_each_time_with_its_arguments():
    stage = jam()
    stage.at(0.1, command("learn", action="set_intensity:80"))
    stage.midi(0.2, ProgramChange(0, 12))
    stage.at(0.3, command("set_intensity", value=50))
    stage.midi(0.4, ProgramChange(0, 12))
    stage.at(0.5, command("set_intensity", value=50))
    stage.run(0.45)
    assert stage.session.snapshot(stage.now).intensity == 80
    stage.midi(0.6, ProgramChange(0, 12))
    stage.midi(0.6, ProgramChange(0, 13))
    stage.run(0.7)
    assert stage.session.snapshot(stage.now).intensity == 80
    assert next(effect for _, effect in stage.log if isinstance(effect, Learned)).bindings == {
        "pc:12@0": "set_intensity:80"
    }


def test_volume_and_pan_go_to_the_parts_own_output_and_come_back_with_a_port():
    stage = jam()
    stage.at(0.1, command("set_volume", track=1, value=90))
    stage.at(0.2, command("set_pan", track=1, value=20))
    stage.run(0.3)
    lane = stage.session.snapshot(stage.now).lanes[1]
    assert (lane.volume, lane.pan) == (90, 20)
    sent = [(effect.message.controller, effect.message.value) for _, effect in stage.sent(ControlChange)]
    assert sent == [(7, 90), (7, 90), (10, 20)]
    assert {effect.message.channel for _, effect in stage.sent(ControlChange)} == {lane.channel}
    stage.at(0.4, PortChanged("", "out", False))
    stage.at(0.5, PortChanged("", "out", True))
    stage.run(0.6)
    again = [(effect.message.controller, effect.message.value) for _, effect in stage.sent(ControlChange)]
    assert again[3:] == [(7, 90), (10, 20)]


def test_a_learned_note_is_not_played():
    stage = jam(duo(learned={"note:36@9": "mute:1"}))
    stage.midi(5.1, NoteOn(9, 36, 100))
    stage.run(6)
    assert stage.session.lanes[1].muted
    assert stage.session.counters["unrouted"] == 0


def test_seek_as_master_goes_to_the_bar_and_hears_on():
    stage = master()
    stage.at(1.0, command("start"))
    stage.at(4.5, command("seek", bar=16))
    stage.run(6)
    view = stage.session.snapshot(stage.now).transport
    assert view.song_bar == 16
    assert view.beat == pytest.approx(3.0)


def test_seek_while_stopped_is_where_it_goes_on():
    stage = master()
    stage.at(1.0, command("seek", bar=4))
    stage.run(1.5)
    assert stage.session.snapshot(stage.now).transport.song_bar == 4
    stage.at(2.0, command("continue"))
    stage.run(2.1)
    assert stage.session.snapshot(stage.now).transport.song_bar == 4


def test_toggle_stops_and_goes_on_in_the_same_bar():
    stage = master()
    for time in (1.0, 4.25, 6.0):
        stage.at(time, command("toggle"))
    stage.run(6.25)
    transport = stage.session.snapshot(stage.now).transport
    assert (transport.bar, transport.beat) == (1, pytest.approx(3.0))


def test_taps_set_our_tempo():
    stage = master()
    for number in range(4):
        stage.at(1 + number * 0.6, command("tap"))
    stage.run(4)
    assert stage.session.clock.bpm == pytest.approx(100)


def test_another_checkpoint_loads_while_the_music_goes_on():
    stage = jam()
    stage.at(5.5, command("set_model", checkpoint="ghost"))
    stage.run(17)
    assert [effect.model.checkpoint for _, effect in stage.log if isinstance(effect, LoadModel)] == ["ghost"]
    steps = stage.session.bars_by_step
    assert steps["fresh"] >= 5
    assert stage.hanging == 0 or stage.session.running


def test_the_old_checkpoint_writes_until_the_new_one_is_loaded():
    stage = jam(load_seconds=5.0)
    stage.at(5.5, command("set_model", checkpoint="ghost"))
    stage.run(17)
    asked = [(time, effect.job.size) for time, effect in stage.jobs()]
    assert {size for time, size in asked if time < 10.5} == {"yellow"}
    assert {size for time, size in asked if time > 10.5} == {"ghost"}
    assert stage.session.bars_by_step == {"fresh": 8}, "no bar was without a plan"
    told = notices(stage)
    assert "ghost is being loaded; yellow writes until it is ready" in told
    assert "ghost writes from here on" in told


def test_an_answer_under_way_is_still_taken_when_the_new_checkpoint_is_ready():
    # The engine takes 0.2 s; bar 4 is asked for at 8.4.
    stage = jam(load_seconds=3.0)
    stage.at(5.5, command("set_model", checkpoint="ghost"))  # ready at 8.5
    stage.run(17)
    assert stage.session.counters["stale_answers"] == 0
    assert stage.session.bars_by_step == {"fresh": 8}


def test_a_checkpoint_that_cannot_be_loaded_is_one_line_and_the_old_one_stays():
    stage = jam(load_seconds=100.0)
    stage.at(5.5, command("set_model", checkpoint="ghost"))
    stage.at(6.0, LoadFailed("ghost", "the file is damaged"))
    stage.run(17)
    assert stage.session.snapshot(stage.now).model.checkpoint == "yellow"
    assert {effect.job.size for _, effect in stage.jobs()} == {"yellow"}
    assert "ghost cannot be loaded: the file is damaged" in notices(stage)
    assert stage.session.bars_by_step == {"fresh": 8}


def test_an_added_track_plays_and_a_removed_one_is_silent():
    stage = jam()
    stage.at(3.1, command("add_track", settings=TrackSettings("lead", "companion", program=80)))
    stage.at(8.9, command("remove_track", track=1))
    stage.run(13)
    assert next(time for time, _ in stage.sent(NoteOn, 2)) == pytest.approx(5.0)
    assert pitches(stage, 9, 13) == []


def test_click_marks_the_beats():
    stage = jam()
    stage.at(2.9, command("click", on=True))
    stage.run(5.4)
    keys = [effect.message.key for time, effect in stage.sent(NoteOn, -1) if time > 2.95]
    assert keys == [76, 77, 77, 77, 76]


@pytest.mark.parametrize(
    "asked",
    [
        wish("fly"),
        wish("mute"),
        wish("mute", track=9),
        wish("mute", track="bass"),
        wish("set_tempo", bpm=500),
        wish("set_time_signature", numerator=4, denominator=3),
        wish("set_sampling", warmth=3),
        wish("set_sampling", temperature="hot"),
        wish("set_model", model_dim=-1),
        wish("regenerate", bar=0),
        wish("undo"),
        wish("add_track", settings=None),
        wish("set_clock_source", source="sun"),
        wish("seek", bar=3),
        wish("keep", bar=99),
    ],
)
def test_wishes_that_cannot_be_are_one_notice(asked):
    stage = jam()
    stage.run(3.2)
    before = len(notices(stage))
    stage.at(3.3, asked)
    stage.run(3.3)
    assert len(notices(stage)) == before + 1
    assert "\n" not in notices(stage)[-1]


def test_a_lost_port_gets_its_note_offs_and_programs_when_it_is_back():
    stage = jam()
    stage.at(0.1, PortChanged("", "out", True))
    stage.at(5.1, PortChanged("", "out", False))
    stage.at(5.9, PortChanged("", "out", True))
    stage.run(5.95)
    late = [effect.message for time, effect in stage.sent((NoteOn, NoteOff, ProgramChange)) if time > 5.05]
    assert [type(message) for message in late] == [NoteOff, ProgramChange]
    assert any("gone" in text for text in notices(stage))


def test_a_lost_input_ends_what_it_holds():
    stage = Stage(duo())
    stage.clock(1.0, 96)
    stage.midi(1.5, NoteOn(0, 60, 80))
    stage.at(2.0, PortChanged("keys", "in", False))
    stage.run(2.9)
    (note,) = stage.session.snapshot(stage.now).lanes[0].bars[0].notes
    assert note.duration_ticks == pytest.approx(480, abs=2)


def test_a_flood_is_survived():
    stage = jam()
    for number in range(10_000):
        stage.midi(3.2, NoteOn(0, number % 128, 1 + number % 127))
    stage.midi(3.3, ClockTick())
    stage.run(9)
    assert stage.session.capture.notes_in == 10_000 + 17
    assert stage.session.bars_by_step["fresh"] >= 3


def test_what_a_checkpoint_cannot_do_is_said_when_it_is_loaded():
    stage = Stage(duo(model=ModelSettings(mask_mode="token", model_dim=7)))
    stage.at(0, READY)
    stage.run(1)
    said = [effect.text for _, effect in stage.log if isinstance(effect, Notice)]
    assert any("has no mask mode token" in text for text in said)
    assert any("has no window of 7 bars" in text for text in said)


def test_controls_that_a_checkpoint_lacks_are_said_in_one_line():
    settings = duo(model=ModelSettings(sampling=Sampling(genre="jazz")))
    tracks = tuple(replace(track, attributes={"key_signature": 9, "max_polyphony": 1}) for track in settings.tracks)
    stage = Stage(replace(settings, tracks=tracks))
    stage.at(0, READY)
    stage.run(1)
    [said] = [effect.text for _, effect in stage.log if isinstance(effect, Notice) and "told" in effect.text]
    assert said.endswith("cannot be told key signature, genre jazz: not obeyed")
