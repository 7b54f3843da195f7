"""Trading and answering through the whole session."""

from __future__ import annotations

from dataclasses import replace

import pytest

from companion.midi.messages import NoteOff, NoteOn
from companion.session.api.effects import Notice
from companion.session.api.events import command
from companion.session.api.settings import ClockSettings, TradingSettings
from tests.session.session_stage import READY, Stage, trio, wish

SOLO, BASS = 3, 1  # of trio(): the strings are the first melodic lane that is no bass


def stage_with(**trading):
    stage = Stage(replace(trio(clock=ClockSettings("internal")), trading=TradingSettings(**trading)))
    stage.at(0, READY)
    stage.at(1.0, command("start"))
    return stage


def bars_with(stage, lane, count):
    """Bars of two seconds, from the start, in which a lane begins notes."""
    times = [time - 1.0 for time, _ in stage.sent(NoteOn, lane)]
    return [bar for bar in range(count) if any(2 * bar <= time + 0.01 < 2 * bar + 2 for time in times)]


def test_trading_fours_while_the_band_goes_on():
    stage = stage_with(trade_bars=2)
    stage.run(1 + 2 * 9 - 0.1)
    assert bars_with(stage, SOLO, 9) == [2, 3, 6, 7]
    assert bars_with(stage, BASS, 9) == list(range(1, 9))


def test_the_solo_is_conditioned_on_what_was_just_played():
    stage = stage_with(trade_bars=1)
    stage.play(1.0, 71, 0.4)
    stage.play(2.0, 73, 0.4)
    stage.run(3.5)
    job = [
        effect.job
        for _, effect in stage.jobs()
        if SOLO in [effect.job.tracks[track] for track, _ in effect.job.targets]
    ][-1]
    row = job.window.tracks[job.tracks.index(0)].bars
    assert [note.pitch for bar in row for note in bar.notes] == [71, 73]


def test_a_named_solo_track_and_trading_set_on_the_way():
    stage = stage_with(solo_track="bass")
    stage.at(4.5, command("trade", bars=1))
    stage.at(12.5, command("trade", bars=0))
    stage.run(1 + 2 * 9 - 0.1)
    assert bars_with(stage, BASS, 9) == [1, 3, 5, 6, 7, 8]


def test_an_answer_comes_when_the_player_rests_and_yields_when_he_comes_back():
    stage = stage_with(answer=True)
    for beat in range(6):  # the first bar and half of the second
        stage.play(1.0 + 0.5 * beat, 60 + beat, 0.3)
    stage.play(6.1, 72, 0.3)  # into the second beat of the answer, while its notes last 0.4 s
    stage.run(6.9)
    assert bars_with(stage, SOLO, 4) == [2]
    ons = [round(time - 5.0, 3) for time, _ in stage.sent(NoteOn, SOLO)]
    assert ons == [0.0, 0.5, 1.0], "it falls silent for the rest of its bar"
    offs = [time for time, _ in stage.sent(NoteOff, SOLO)]
    assert offs[-1] == pytest.approx(6.1, abs=1e-6), "and its last note ends at once"
    assert stage.session.snapshot(stage.now).practice is None
    cell = stage.session.plan.get(SOLO, 2)
    assert len(cell.notes()) == 3, "what did not sound is no history"


def test_no_answer_to_a_player_who_goes_on():
    stage = stage_with(answer=True)
    for beat in range(16):
        stage.play(1.0 + 0.5 * beat, 60 + beat, 0.3)
    stage.run(8.9)
    assert bars_with(stage, SOLO, 4) == []
    assert bars_with(stage, BASS, 4) == [1, 2, 3]


@pytest.mark.parametrize("bars", [-1, 99, "four", True])
def test_impossible_trades_become_a_notice(bars):
    stage = stage_with()
    stage.at(2.0, wish("trade", bars=bars))
    stage.run(3)
    assert any(isinstance(effect, Notice) and effect.level == "warning" for _, effect in stage.log)


def test_answering_is_switched_by_command():
    stage = stage_with()
    stage.at(1.2, command("answer"))
    stage.run(6.9)
    assert bars_with(stage, SOLO, 3) == [], "nobody has played yet, so there is nothing to answer"
