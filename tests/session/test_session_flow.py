"""A session from end to end in simulated time: who plays when, and what is asked of the engine."""

from __future__ import annotations

import pytest
from tests.session.session_stage import READY, Stage, duo, trio

from companion.session.effects import Generate, Notice, Prefill
from companion.session.events import EngineLost, command
from companion.session.messages import ClockStart, ClockStop, ClockTick, NoteOn, ProgramChange
from companion.session.settings import ClockSettings

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
    stage = playing(bars=16, engine_seconds=0.4)
    stage.run(32)
    real = [time for time, effect in stage.jobs() if len(effect.job.hidden) == 1]
    assert real[-1] == pytest.approx(33.0 - 2.0 - 0.4 * 1.25, abs=0.02)


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
    settings = duo()
    stage = playing(settings, bars=4)
    stage.at(0.1, command("set_model", takes=2))
    stage.at(4.9, command("regenerate"))
    stage.run(4.95)
    asked_at = [time for time, effect in stage.jobs(Generate)]
    assert all(abs(time - 4.9) > 1e-3 for time in asked_at)
