"""A session from end to end in simulated time: who plays when, and what is asked of the engine."""

from __future__ import annotations

from itertools import count

import pytest

from companion.midi.messages import ClockStart, ClockStop, ClockTick, NoteOn, ProgramChange, SongPosition
from companion.music import Note
from companion.session.api.effects import Generate, Job, Notice, Prefill
from companion.session.api.events import EngineLost, command
from companion.session.api.settings import ClockSettings, TrackSettings
from tests.session.session_stage import ALL_METERS, READY, Stage, duo, trio

BAR = 96  # ticks


def playing(settings=None, bars: int = 6, **options) -> Stage:
    """A pianist playing quarters to a master at 120 from second 1."""
    stage = Stage(settings or duo(), **options)
    stage.at(0, READY)
    stage.clock(1.0, BAR * bars)
    for beat in range(4 * bars):
        stage.play(1.0 + beat * 0.5, 60 + beat % 7, 0.4)
    return stage


def test_enters_after_one_bar_on_the_beat():
    stage = playing()
    stage.run(12)
    times = [time for time, _ in stage.sent(NoteOn, 1)]
    assert times[:5] == pytest.approx([3.0, 3.5, 4.0, 4.5, 5.0], abs=1e-6)


def test_every_bar_fresh_when_the_engine_is_fast():
    stage = playing(trio(), bars=10)
    stage.run(20.9)
    view = stage.session.snapshot(stage.now).generation
    assert (view.bars, view.bars_fresh) == (27, 27)


def test_the_window_holds_what_was_heard_and_hides_what_was_not():
    stage = playing(bars=4)
    stage.run(8.8)
    jobs = [effect.job for _, effect in stage.jobs()]
    job = next(job for job in jobs if job.first_bar + 3 == 4 and len(job.hidden) == 1)
    human = job.tracks.index(0)
    assert job.window.bar_count == 4
    assert job.hidden == ((human, 3),)
    assert [len(bar.notes) for bar in job.window.tracks[human].bars] == [4, 4, 4, 0]
    assert [note.onset_ticks for note in job.window.tracks[human].bars[1].notes] == [0, 480, 960, 1440]


def test_the_request_comes_as_late_as_is_safe():
    stage = playing(bars=24, engine_seconds=0.4)
    stage.run(48)
    real = [time for time, effect in stage.jobs() if len(effect.job.hidden) == 1]
    assert real[-1] == pytest.approx(49.0 - 2.0 - 0.4 * 1.25, abs=0.02)


def test_prefill_follows_the_player():
    stage = playing(bars=4)
    stage.run(8)
    assert len(stage.jobs(Prefill)) >= 6


def test_wait_bars_are_honoured():
    stage = playing(duo(wait_bars=3), bars=6)
    stage.run(12)
    assert stage.sent(NoteOn, 1)[0][0] == pytest.approx(7.0)


def test_programs_are_chosen_at_the_start():
    stage = playing()
    stage.run(2)
    assert [effect.message for _, effect in stage.sent(ProgramChange)] == [ProgramChange(1, 33)]


def test_stop_silences_and_continue_goes_on_where_it_was():
    stage = playing(bars=3)
    stage.midi(6.2, ClockStop(), "clock")
    stage.run(6.1)
    assert stage.hanging > 0
    stage.run(6.3)
    assert stage.hanging == 0


def test_no_clock_means_silence():
    stage = playing(bars=3)
    stage.run(8)
    assert stage.hanging == 0
    assert any(isinstance(effect, Notice) and "no clock" in effect.text for _, effect in stage.log)


def test_an_engine_that_never_answers_leaves_variations_then_nothing_hangs():
    stage = playing(bars=6)
    stage.at(5.2, EngineLost("killed"))
    stage.run(13)
    steps = stage.session.snapshot(stage.now).generation.bars_by_step
    assert steps["fresh"] == 2
    assert steps["older"] == 1
    assert steps["variation"] >= 2
    stage.close()
    assert stage.hanging == 0


def test_a_slow_engine_streams_into_the_bar_and_drops_what_is_late():
    stage = playing(bars=6, engine_seconds=1.9)
    stage.run(13)
    assert stage.session.snapshot(stage.now).generation.bars_by_step.get("fresh", 0) > 0
    assert stage.late_seconds <= 0.02


def test_as_master_we_send_the_clock():
    stage = Stage(duo(clock=ClockSettings(source="internal", bpm=120, count_in_bars=1)))
    stage.at(0, READY)
    stage.at(1.0, command("start"))
    stage.run(3.99)
    ticks = [time for time, _ in stage.sent(ClockTick)]
    assert [time for time, _ in stage.sent(ClockStart)] == pytest.approx([3.0])
    assert ticks[:3] == pytest.approx([3.0, 3.0 + 1 / 48, 3.0 + 2 / 48])
    assert [time for time, _ in stage.sent(NoteOn, -1)][:4] == pytest.approx([1.0, 1.5, 2.0, 2.5])


def test_the_same_events_give_the_same_effects():
    def run() -> list:
        stage = playing(trio(), bars=6, engine_seconds=0.7)
        stage.at(6.0, command("regenerate"))
        stage.run(13)
        return stage.log

    assert run() == run()


def test_a_takes_request_keeps_the_other_take_for_regenerate():
    pitches = count(40)

    def answer(_job: Job, _target: int) -> list[Note]:
        return [Note(0, 400, next(pitches))]

    stage = playing(duo(), bars=14, answer=answer)  # several takes are asked for once some bars have been measured
    stage.at(0.1, command("set_model", takes=2))
    stage.at(24.9, command("regenerate"))

    def coming() -> list[int]:
        bars = stage.session.snapshot(stage.now).lanes[1].bars
        return [note.pitch for note in next(view.notes for view in bars if view.state == "tentative")]

    stage.run(24.85)
    first = coming()
    stage.run(24.95)
    assert coming() != first
    assert not [time for time, _ in stage.jobs(Generate) if abs(time - 24.9) < 1e-3]


def test_a_drop_out_goes_on_in_the_same_bars():
    stage = Stage(duo())
    stage.at(0, READY)
    stage.clock(1.0, BAR * 2)
    stage.clock(5.0 + 40 / 48, BAR * 3 - 40, start=False)  # 40 ticks never came; the master went on
    stage.run(8)
    transport = stage.session.snapshot(stage.now).transport
    assert (transport.bar, transport.beat) == (3, pytest.approx(2.0, abs=0.05))
    assert stage.session.snapshot(stage.now).counters["missed_ticks"] == 40
    assert any(time > 6.9 for time, _ in stage.sent(NoteOn, 1))


def test_song_position_and_continue_jump_to_a_new_bar_that_remembers():
    stage = playing(bars=4)
    stage.midi(7.9, ClockStop(), "clock")
    stage.midi(8.9, SongPosition(16 * 20 + 4), "clock")  # bar 21, beat 2
    stage.go_on(9.5, BAR * 3)
    stage.run(13.1)
    transport = stage.session.snapshot(stage.now).transport
    assert transport.song_bar == 20 + 2
    assert transport.bar > 4
    job = next(effect.job for time, effect in stage.jobs() if time > 9.5)
    assert job.window.bar_count == 4
    assert any(bar.notes for bar in job.window.tracks[job.tracks.index(0)].bars)


def test_start_begins_anew():
    stage = playing(bars=3)
    stage.midi(6.99, ClockStop(), "clock")
    stage.clock(8.0, BAR * 3)
    stage.run(11)
    transport = stage.session.snapshot(stage.now).transport
    assert (transport.song_bar, transport.bar) == (1, 4)
    assert stage.session.performance.context_bar == 3


def test_a_tempo_change_bends_what_is_scheduled():
    stage = Stage(duo())
    stage.at(0, READY)
    end = stage.clock(1.0, BAR * 2 + 24)
    stage.clock(end, BAR * 2, 60, start=False)
    stage.run(12)
    times = [time for time, _ in stage.sent(NoteOn, 1) if 5 <= time < 8.6]
    assert times[:2] == pytest.approx([5.0, 5.5], abs=0.002)
    assert times[2] == pytest.approx(6.5, abs=0.03)


def test_output_latency_is_sent_ahead():
    stage = playing(duo(output_latency_seconds={"": 0.02}))
    stage.run(6)
    assert stage.sent(NoteOn, 1)[1][0] == pytest.approx(3.48)


def test_input_latency_is_taken_off():
    stage = Stage(duo(input_latency_seconds={"keys": 0.05}))
    stage.clock(1.0, BAR)
    stage.play(1.55, 60, 0.2)
    stage.run(2.9)
    (note,) = stage.session.snapshot(stage.now).lanes[0].bars[0].notes
    assert note.onset_ticks == pytest.approx(480, abs=1)


def test_our_own_notes_coming_back_are_not_heard():
    stage = playing(bars=6)
    stage.run(5.0)
    (time, echo) = stage.sent(NoteOn, 1)[-1]
    before = stage.session.capture.notes_in
    stage.midi(time + 0.005, echo.message, "synth in")
    stage.run(5.2)
    assert stage.session.counters["echoes"] == 1
    assert stage.session.capture.notes_in == before


def test_several_players_are_several_lanes():
    tracks = (
        TrackSettings("keys", "human"),
        TrackSettings("kit", "human", is_drum=True),
        TrackSettings("bass", "companion", program=33),
    )
    stage = Stage(duo(tracks=tracks))
    stage.at(0, READY)
    stage.clock(1.0, BAR * 3)
    for beat in range(12):
        stage.play(1 + beat / 2, 60, 0.3)
        stage.play(1 + beat / 2, 36, 0.1, channel=9)
    stage.run(6.9)
    job = stage.jobs()[-1][1].job
    assert job.tracks == (2, 0, 1)
    assert [track.is_drum for track in job.window.tracks] == [False, False, True]
    assert {note.pitch for bar in job.window.tracks[2].bars for note in bar.notes} == {36}


@pytest.mark.parametrize("meter", ALL_METERS, ids=str)
def test_every_meter_plays(meter):
    stage = Stage(duo(clock=ClockSettings(time_signature=meter)), engine_seconds=0.01)
    stage.at(0, READY)
    ticks = int(24 * meter.beats * 6)
    stage.clock(1.0, ticks)
    stage.run(1 + ticks / 48)
    stage.close()
    lines = {round(effect.position_beats / float(meter.beats), 6) for _, effect in stage.sent(NoteOn, 1)}
    assert {1.0, 2.0, 3.0, 4.0} <= lines
    assert stage.hanging == 0


def test_a_meter_that_the_model_does_not_read_is_said_and_repeated_through():
    stage = playing(bars=6)
    stage.at(6.0, command("set_time_signature", numerator=5, denominator=16))
    stage.run(13)
    assert any(isinstance(effect, Notice) and "5/16" in effect.text for _, effect in stage.log)
    assert stage.session.bars_by_step["variation"] > 3
    assert all(effect.job.first_bar + effect.job.window.bar_count <= 4 for _, effect in stage.jobs())


def test_bars_that_are_shown_again_as_they_were_are_the_same_objects() -> None:
    stage = Stage(trio(clock=ClockSettings("internal")))
    stage.at(0, READY)
    stage.at(0.5, command("start"))
    for beat in range(24):
        stage.play(0.5 + beat * 0.5, 60, 0.4)
    stage.run(9.0)
    first = stage.session.snapshot(stage.now)
    stage.run(9.05)
    again = stage.session.snapshot(stage.now)
    changed = [
        (lane.name, bar.bar)
        for lane, other in zip(first.lanes, again.lanes, strict=True)
        for bar, later in zip(lane.bars, other.bars, strict=True)
        if bar is not later
    ]
    assert changed == [("me", 4)], "only the note that the player holds has grown"
