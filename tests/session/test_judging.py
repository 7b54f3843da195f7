"""Simulated players with known errors, through the whole session: MIDI in, clock, loop, report."""

from __future__ import annotations

from itertools import pairwise

import pytest

from companion.midi.messages import NoteOff, NoteOn
from companion.practice.report import summarise
from companion.session.api.effects import PassFinished
from companion.session.api.events import command
from tests.session.session_stage import Stage
from tests.session.test_practising import settings, song

BARS = 4


def practise(late=0.0, octave=0, skip=lambda index: False, passes=2, extra=(), bpm_clock=None, **more):
    """A player of the melody (eighths at 120) through some passes of a loop of four bars; the summaries of the passes."""
    source = "external" if bpm_clock else "internal"
    music = song(BARS, duration=200)
    stage = Stage(settings(music, ("silent", "backing", "backing"), me=0, source=source, loop=(0, BARS), **more))
    beat = 60 / (bpm_clock or 120)
    begin = 1.0 + more.get("count_in", 0) * 4 * beat
    if bpm_clock:
        stage.clock(1.0, 96 * BARS * passes, bpm=bpm_clock)
    else:
        stage.at(1.0, command("start"))
    for number in range(passes):
        for bar_index, bar in enumerate(music.score.tracks[0].bars):
            for index, note in enumerate(bar.notes):
                position = 4 * (BARS * number + bar_index) + note.onset_ticks / 480
                if not skip(8 * bar_index + index):
                    stage.play(begin + position * beat + late, note.pitch + 12 * octave, 0.4 * beat)
    for position, key in extra:
        stage.play(begin + position * beat, key, 0.1)
    stage.run(begin + 4 * BARS * passes * beat + 0.1)
    stage.close()
    return [summarise(effect) for _, effect in stage.log if isinstance(effect, PassFinished)], stage


def counts(summary):
    return summary.right, summary.wrong, summary.missed, summary.extra


@pytest.mark.parametrize("late_ms", [-30, 0, 20])
def test_late_by_a_constant(late_ms):
    summaries, _ = practise(late=late_ms / 1000, count_in=1)
    assert [counts(summary) for summary in summaries[:2]] == [(32, 0, 0, 0)] * 2
    assert [summary.mean_offset_ms for summary in summaries[:2]] == pytest.approx([late_ms] * 2, abs=0.01)
    assert summaries[0].offset_spread_ms == pytest.approx(0, abs=0.01)


def test_every_tenth_note_missed():
    summaries, _ = practise(late=0.02, skip=lambda index: index % 10 == 5)
    assert [counts(summary) for summary in summaries[:2]] == [(29, 0, 3, 0)] * 2
    assert summaries[0].mean_offset_ms == pytest.approx(20, abs=0.01)


def test_the_wrong_octave():
    summaries, _ = practise(octave=-1)
    assert [counts(summary) for summary in summaries[:2]] == [(0, 32, 0, 0)] * 2
    assert summaries[0].wrong_octave == 32


def test_extra_notes_and_the_bars_they_fall_in():
    summaries, stage = practise(extra=[(2.2, 90), (21.2, 91)])
    assert [counts(summary) for summary in summaries[:2]] == [(32, 0, 0, 1)] * 2
    finished = [effect for _, effect in stage.log if isinstance(effect, PassFinished)]
    extras = [(note.bar, note.beat, note.played) for each in finished for note in each.notes if note.verdict == "extra"]
    assert extras == [(0, pytest.approx(2.2), 90), (1, pytest.approx(1.2), 91)]


def test_with_an_external_clock():
    summaries, _ = practise(late=0.02, bpm_clock=96)
    assert [counts(summary) for summary in summaries[:2]] == [(32, 0, 0, 0)] * 2
    assert summaries[1].mean_offset_ms == pytest.approx(20, abs=1)


def test_what_is_played_in_another_key_is_judged_in_that_key():
    summaries, _ = practise(transpose=2)
    assert counts(summaries[0])[0] == 0
    assert summaries[0].transpose == 2


def test_live_numbers_run_on_and_the_last_pass_stays():
    stage = practise_live()
    view = stage.session.snapshot(stage.now).practice
    assert (view.pass_number, view.right, view.missed) == (2, 6, 1)
    assert view.live_accuracy == pytest.approx(6 / 7)
    assert view.accuracy == 1.0


def practise_live():
    """One pass whole, then in the next seven eighths with the fifth left out, seen half a beat later."""
    music = song(1, duration=200)
    stage = Stage(settings(music, ("silent", "backing", "backing"), me=0, loop=(0, 1)))
    stage.at(1.0, command("start"))
    keys = [note.pitch for note in music.score.tracks[0].bars[0].notes]
    for index in range(15):
        if index != 12:
            stage.play(1.0 + 0.25 * index, keys[index % 8], 0.1)
    stage.run(1.0 + 0.25 * 15 + 0.15)
    return stage


def test_the_trainer_waits_for_a_good_pass():
    music = song(1, duration=200)
    setup = settings(
        music, ("silent", "backing", "backing"), me=0, loop=(0, 1), trainer=(0.5, 1.0, 0.25), trainer_needs_accuracy=0.9
    )
    stage = Stage(setup)
    stage.at(1.0, command("start"))
    keys = [note.pitch for note in music.score.tracks[0].bars[0].notes]
    for index, key in enumerate(keys):  # the second pass is played, the first is not
        stage.play(5.0 + 0.5 * index, key, 0.2)
    stage.run(12)
    firsts = [time for time, _ in stage.sent(NoteOn, 3)][::4]
    assert [round(after - before, 6) for before, after in pairwise(firsts)][:2] == [4.0, 4.0]
    assert stage.session.snapshot(stage.now).practice.tempo_factor == 0.75


def test_a_stop_counts_what_was_played_and_misses_nothing_to_come():
    music = song(BARS, duration=200)
    stage = Stage(settings(music, ("silent", "backing", "backing"), me=0))
    stage.at(1.0, command("start"))
    for index, note in enumerate(music.score.tracks[0].bars[0].notes):
        stage.midi(1.0 + 0.25 * index, NoteOn(0, note.pitch, 80))
        stage.midi(1.1 + 0.25 * index, NoteOff(0, note.pitch))
    stage.at(2.95, command("stop"))
    stage.run(10)
    (finished,) = [effect for _, effect in stage.log if isinstance(effect, PassFinished)]
    assert counts(summarise(finished)) == (8, 0, 0, 0)
    stage.at(11, command("start"))
    stage.run(12)
    assert len([effect for _, effect in stage.log if isinstance(effect, PassFinished)]) == 1
    assert stage.session.snapshot(stage.now).practice.pass_number == 2


def test_another_part_can_become_mine_on_the_way():
    stage = Stage(settings(song(BARS)))
    stage.at(1.0, command("start"))
    stage.at(1.5, command("set_role", track=1, role="human"))
    stage.run(4.9)
    view = stage.session.snapshot(stage.now)
    assert [lane.role for lane in view.lanes] == ["human", "silent", "backing", "backing"]
    assert view.practice.missed > 0
    assert not [time for time, _ in stage.sent(NoteOn, 1) if time > 3.1]
