"""What masters, cables and hands do at the wrong moment, with literal times: 120 BPM, bars of 2 s, the music from second 1."""

from __future__ import annotations

import pytest

from companion.midi.messages import (
    ClockContinue,
    ClockStart,
    ClockStop,
    ClockTick,
    ControlChange,
    NoteOff,
    NoteOn,
    SongPosition,
)
from companion.session.api.effects import Notice
from companion.session.api.events import PortChanged, command
from tests.session.session_stage import READY, Stage, duo

BAR = 96  # ticks
TICK = 1 / 48


def stage_of(**changes) -> Stage:
    stage = Stage(duo(**changes))
    stage.at(0, READY)
    return stage


def beats(stage: Stage, begin: float, end: float) -> list[float]:
    """When the bass played, in seconds."""
    return [pytest.approx(time, abs=0.004) for time, _ in stage.sent(NoteOn, 1) if begin <= time < end]


def where(stage: Stage) -> tuple[int, float, int]:
    """Bar of the session, beat, bar of the song; all from 0."""
    transport = stage.session.snapshot(stage.now).transport
    return transport.bar, transport.beat, transport.song_bar


def test_a_song_position_while_playing_changes_nothing():
    stage = stage_of()
    stage.clock(1.0, BAR * 4)
    stage.midi(5.01, SongPosition(0), "clock")
    stage.run(7.5)
    assert where(stage) == (3, pytest.approx(1.0, abs=0.01), 3)
    assert beats(stage, 4.9, 7.4) == [5.0, 5.5, 6.0, 6.5, 7.0]


def test_stopped_within_a_bar_the_rest_of_the_bar_follows_the_continue():
    stage = stage_of()
    stage.clock(1.0, BAR * 2 + 15)  # 15 ticks into bar 3: the next beat is 9 ticks away
    stage.midi(5.31, ClockStop(), "clock")
    stage.go_on(8.0, BAR * 2)
    stage.run(10)
    assert beats(stage, 5.2, 9.5) == [8 + 9 * TICK, 8.5 + 9 * TICK, 9 + 9 * TICK]
    assert stage.hanging <= 1


def test_a_start_while_running_begins_anew_at_once():
    stage = stage_of()
    end = stage.clock(1.0, BAR * 2 + 30)
    stage.clock(end, BAR * 3)
    stage.run(end + 5)
    assert where(stage)[2] == 2
    assert stage.session.performance.context_bar == 3
    assert beats(stage, end + 0.01, end + 1.99) == []  # one bar to listen, as at any start
    assert [end + 2, end + 2.5] == beats(stage, end + 1.99, end + 2.9)


def test_continue_as_the_first_thing_begins_at_the_beginning():
    stage = stage_of()
    stage.go_on(1.0, BAR * 3)
    stage.run(6)
    assert where(stage) == (2, pytest.approx(2.0, abs=0.01), 2)
    assert beats(stage, 0, 4.4) == [3.0, 3.5, 4.0]


def test_continue_while_running_changes_nothing():
    stage = stage_of()
    stage.clock(1.0, BAR * 3)
    stage.midi(4.3, ClockContinue(), "clock")
    stage.run(6)
    assert where(stage) == (2, pytest.approx(2.0, abs=0.01), 2)


def test_three_seconds_without_a_clock_within_a_bar():
    """Silent after 0.25 s; then the music goes on from where the clock was heard last, on its beats."""
    stage = stage_of()
    end = stage.clock(1.0, BAR * 2 + 30)
    stage.clock(end + 3, BAR * 2, start=False)
    stage.run(end + 4.6)
    assert beats(stage, end + 0.24, end + 3) == []
    assert [end + 3 + 18 * TICK, end + 3.5 + 18 * TICK] == beats(stage, end + 3, end + 4.2)
    assert stage.session.counters["clock_losses"] == 1


@pytest.mark.parametrize(("before", "after"), [(120, 60), (120, 240), (400, 200), (20, 10)])
def test_the_tempo_halves_or_doubles_and_every_beat_is_played_once(before, after):
    stage = stage_of()
    end = stage.clock(1.0, BAR * 3, before)
    finish = stage.clock(end, BAR * 3, after, start=False)
    stage.run(finish - 0.001)
    played = sorted(effect.position_beats for _, effect in stage.sent(NoteOn, 1))
    assert played == pytest.approx([4.0 + beat for beat in range(20)])
    assert (stage.double_ons, stage.stray_offs) == (0, 0)


@pytest.mark.parametrize("bpm", [10, 400])
def test_the_slowest_and_the_fastest_clock(bpm):
    stage = stage_of()
    end = stage.clock(1.0, BAR * 4, bpm)
    stage.run(end - 0.001)
    assert stage.session.clock.bpm == pytest.approx(bpm, rel=1e-3)
    assert len(stage.sent(NoteOn, 1)) == 12


@pytest.mark.parametrize("frame", [0.001, 0.01])
def test_a_clock_in_usb_frames_is_played_to_on_the_beat(frame):
    stage = stage_of()
    stage.midi(0.999, ClockStart(), "clock")
    for tick in range(BAR * 8):
        delivered = (int((1.0 + tick * TICK) / frame) + 1) * frame
        stage.midi(delivered, ClockTick(), "clock")
    stage.run(16.9)
    times = [time for time, _ in stage.sent(NoteOn, 1)]
    assert len(times) == 28
    assert max(abs(time - 3 - 0.5 * number - frame / 2) for number, time in enumerate(times)) < 0.35 * frame + 0.0005
    assert stage.session.snapshot(stage.now).counters["missed_ticks"] == 0


def test_a_note_off_after_the_stop_belongs_to_the_note():
    stage = stage_of()
    stage.clock(1.0, BAR * 2 + 30)
    stage.midi(5.2, NoteOn(0, 60, 80))
    stage.midi(5.62, ClockStop(), "clock")
    stage.midi(6.2, NoteOff(0, 60))
    stage.go_on(8.0, BAR)
    stage.run(9)
    (note,) = stage.session.capture.notes(0, 2, 99)
    assert (note.onset_ticks, note.duration_ticks) == (192, pytest.approx(403, abs=6))  # until the stop
    assert stage.session.capture.unpaired_offs == 0


def test_the_sustain_pedal_through_a_seek():
    stage = stage_of()
    stage.clock(1.0, BAR * 2 + 30)
    stage.midi(5.1, ControlChange(0, 64, 127))
    stage.play(5.2, 60, 0.1)
    stage.midi(5.62, ClockStop(), "clock")
    stage.midi(5.7, SongPosition(16), "clock")
    stage.go_on(8.0, BAR * 2)
    stage.play(8.5, 64, 0.1)
    stage.midi(9.5, ControlChange(0, 64, 0))
    stage.run(10.5)
    (before,) = stage.session.capture.notes(0, 2, 99)
    (behind,) = stage.session.capture.notes(0, 3, 99)
    assert before.duration_ticks == pytest.approx(403, abs=6)  # ends where the music stopped …
    assert (behind.onset_ticks, behind.duration_ticks) == (480, 960)  # … and the pedal still holds what comes after


def test_two_ports_on_one_channel_do_not_end_each_other_s_notes():
    stage = stage_of()
    stage.clock(1.0, BAR * 2)
    for port, on, off in (("left", 2.0, 2.5), ("right", 2.25, 3.0)):
        stage.midi(on, NoteOn(0, 60, 80), port)
        stage.midi(off, NoteOff(0, 60), port)
    stage.run(3.5)
    notes = stage.session.capture.notes(0, 0, 99)
    assert [(note.onset_ticks, note.duration_ticks) for note in notes] == [(960, 480), (1200, 720)]


def test_a_second_clock_is_ignored_and_said_once():
    """Many keyboards send a clock unasked: counted together with the master's it would be twice the tempo."""
    stage = stage_of()
    stage.clock(1.0, BAR * 3)
    for tick in range(300):
        stage.midi(1.3 + tick / 40, ClockTick(), "keys")
    stage.midi(4.0, ClockStop(), "keys")
    stage.run(6.9)
    assert where(stage)[:2] == (2, pytest.approx(3.8, abs=0.01))
    assert stage.session.clock.bpm == pytest.approx(120, abs=0.1)
    said = [effect.text for _, effect in stage.log if isinstance(effect, Notice) and "two clocks" in effect.text]
    assert said == ["two clocks: clock is followed, that of keys is ignored"]


def test_when_the_master_s_cable_is_pulled_another_clock_takes_over():
    stage = stage_of()
    end = stage.clock(1.0, BAR)
    stage.at(end, PortChanged("clock", "in", False))
    for tick in range(96):
        stage.midi(end + (tick + 1) * TICK, ClockTick(), "spare")
    stage.run(end + 1.9)
    assert where(stage)[:2] == (1, pytest.approx(3.8, abs=0.1))


def test_a_new_meter_asked_for_within_a_bar_holds_from_the_next_line():
    stage = stage_of()
    stage.clock(1.0, BAR * 4)
    stage.at(5.3, command("set_time_signature", numerator=3, denominator=4))
    stage.run(8.7)
    assert where(stage) == (4, pytest.approx(0.4, abs=0.01), 4)  # bars of 4, 4, 4 and 3 beats: the fifth begins at 8.5
