"""What hosts do: DAWs that close a loop, that say where they go while they run, and keyboards that silence everything at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from companion.midi.messages import (
    ClockContinue,
    ClockStart,
    ControlChange,
    NoteOff,
    NoteOn,
    SongPosition,
)
from companion.practice.setup import Wishes, song_settings
from companion.practice.song_file import load_song
from companion.session.api.commands import command
from companion.session.api.settings import ClockSettings
from tests.session.session_stage import READY, Stage, duo

CASES = Path(__file__).resolve().parents[1] / "data" / "cases"
LOOP = 96 * 4  # ticks of four bars
COMPANION = 1  # its channel


def jam(**changes):
    stage = Stage(duo(**changes))
    stage.at(stage.start_seconds + 0.1, READY)
    return stage, stage.start_seconds + 2.0


def notes_a_bar(stage, begin, until):
    """How many notes the companion began in each bar of two seconds."""
    onsets = [seconds for seconds, effect in stage.sent(NoteOn) if effect.message.channel == COMPANION]
    bars = round((until - begin) / 2)
    return [sum(begin + 2 * bar - 0.05 <= at < begin + 2 * bar + 1.95 for at in onsets) for bar in range(bars)]


def start_again(stage, now):
    return stage.clock(now, LOOP)


def stop_and_continue(stage, now):
    stage.midi(now - 0.0008, SongPosition(0), "clock")
    stage.midi(now - 0.0006, ClockContinue(), "clock")
    return stage.clock(now, LOOP, start=False, stop=True)


def locate_and_continue(stage, now):
    stage.midi(now - 0.0008, SongPosition(0), "clock")
    stage.midi(now - 0.0006, ClockContinue(), "clock")
    return stage.clock(now, LOOP, start=False)


@pytest.mark.parametrize("turn", [start_again, stop_and_continue, locate_and_continue])
def test_a_loop_that_comes_round_is_a_seam(turn):
    """No bar is silent, the next bar is the one that was planned, and what was heard stays context."""
    stage, begin = jam()
    now = stage.clock(begin, LOOP, stop=turn is stop_and_continue)
    for _ in range(3):
        now = turn(stage, now)
    stage.run(now)
    assert notes_a_bar(stage, begin, now) == [0] + 15 * [4]
    assert stage.hanging == 0
    assert set(stage.session.snapshot(stage.now).generation.bars_by_step) == {"fresh"}
    assert stage.session.performance.context_bar == 0


def test_a_start_after_a_rest_is_a_new_one():
    stage, begin = jam()
    now = stage.clock(begin, LOOP, stop=True)
    again = now + 2.0
    end = stage.clock(again, LOOP)
    stage.run(end)
    assert notes_a_bar(stage, again, end) == [0, 4, 4, 4]


def test_continue_among_running_ticks_changes_nothing():
    stage, begin = jam()
    stage.midi(begin - 0.001, ClockStart(), "clock")
    now = begin
    for _ in range(6):
        stage.midi(now - 0.0005, ClockContinue(), "clock")
        now = stage.clock(now, 96, start=False)
    stage.run(now)
    assert notes_a_bar(stage, begin, now) == [0, 4, 4, 4, 4, 4]


@pytest.mark.parametrize(
    ("messages", "song_bar"),
    [
        ((SongPosition(0), ClockContinue()), 2),
        ((ClockStart(),), 2),
        ((SongPosition(0),), 4),
        ((SongPosition(32), ClockContinue()), 4),
    ],
)
def test_a_running_master_that_locates_and_continues_is_followed(messages, song_bar):
    """After two bars it goes somewhere; two bars later the song is in this bar (from 1), which for a place it is at already is bar 4."""
    song = load_song(CASES / "25_silent_end.mid")
    stage = Stage(song_settings(song, Wishes(), ClockSettings(source="external")))
    stage.at(stage.start_seconds + 0.1, READY)
    now = stage.clock(stage.start_seconds + 2.0, 96 * 2)
    for number, message in enumerate(messages):
        stage.midi(now - 0.0008 + number * 0.0002, message, "clock")
    stage.run(stage.clock(now, 96 * 2, start=False) - 0.1)
    assert stage.session.timeline.song_bar(stage.session.performance.bar) + 1 == song_bar


def test_all_notes_off_ends_notes_and_reset_lifts_the_pedal():
    stage, begin = jam()
    stage.clock(begin, 96 * 4)
    stage.midi(begin + 2.0, NoteOn(0, 60, 80))
    stage.midi(begin + 2.5, ControlChange(0, 123, 0))
    stage.midi(begin + 3.0, ControlChange(0, 64, 127))
    stage.play(begin + 3.1, 62, 0.1)
    stage.midi(begin + 3.5, ControlChange(0, 121, 0))
    stage.play(begin + 4.0, 64, 0.1)
    stage.midi(begin + 5.0, ControlChange(0, 64, 127))
    stage.play(begin + 5.0, 65, 0.1)
    stage.midi(begin + 5.5, ControlChange(0, 120, 0))
    stage.run(begin + 7.9)
    notes = [note for bar in range(4) for note in stage.session.capture.notes(0, bar, 16.0)]
    assert [(note.pitch, round(note.duration_ticks / 480, 1)) for note in notes] == [
        (60, 1.0),
        (62, 0.8),
        (64, 0.2),
        (65, 1.0),
    ]


def test_all_notes_off_ends_what_passes_through():
    stage, begin = jam(thru=True)
    stage.midi(begin, NoteOn(0, 60, 80))
    stage.midi(begin + 0.5, ControlChange(0, 123, 0))
    stage.run(begin + 1.0)
    assert [(seconds, effect.message.key) for seconds, effect in stage.sent(NoteOff)] == [(begin + 0.5, 60)]


@pytest.mark.parametrize(("bars", "clicks"), [(0, 0), (1, 3), (2, 7)])
def test_before_a_pickup_the_following_meter_is_counted(bars, clicks):
    """A quarter before 4/4: one, two, three, and in; the accents are the ones."""
    song = load_song(CASES / "10_pickup_quarter.mid")
    clock = ClockSettings(source="internal", count_in_bars=bars)
    stage = Stage(song_settings(song, Wishes(), clock))
    stage.at(stage.start_seconds + 0.1, READY)
    begin = stage.start_seconds + 1.0
    stage.at(begin, command("start"))
    stage.run(begin + 0.5 * clicks + 0.2)
    counted = [effect.message.key for _, effect in stage.sent(NoteOn) if effect.message.key in (76, 77)]
    assert counted == [76, 77, 77, 77, 76, 77, 77][:clicks]
    first = [seconds for seconds, effect in stage.sent(NoteOn) if effect.message.key == 67]
    assert first == [pytest.approx(begin + 0.5 * clicks)]
