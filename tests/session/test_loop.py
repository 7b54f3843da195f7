"""Loops along a timeline: passes, seams, and how each pass is played."""

import pytest

from companion.errors import UsageError
from companion.music import TimeSignature
from companion.session.api.settings import PracticeSettings
from companion.session.practice.loop import Passes, bar_after, check_loop
from companion.session.timing.timeline import Timeline


def laid_out(practice):
    timeline = Timeline(lambda song_bar: TimeSignature(), lambda song_bar: bar_after(song_bar, practice.loop))
    return timeline, Passes(practice, timeline)


def test_a_loop_goes_round_and_counts_passes():
    timeline, passes = laid_out(PracticeSettings(loop=(0, 2)))
    passes.begin(0)
    assert [timeline.song_bar(bar) for bar in range(5)] == [0, 1, 0, 1, 0]
    assert [passes.number(bar) for bar in range(5)] == [1, 1, 2, 2, 3]
    passes.begin(2)
    assert [passes.number(bar) for bar in range(5)] == [1, 1, 2, 2, 3]
    assert passes.first_bar(3) == 2


def test_a_loop_of_one_bar_begins_a_pass_with_every_bar():
    _, passes = laid_out(PracticeSettings(loop=(0, 1)))
    assert [passes.begin(bar) for bar in range(3)] == [1, 2, 3]


def test_places_before_and_behind_a_loop_lead_into_it():
    assert [bar_after(bar, (4, 8)) for bar in (0, 3, 6, 7, 12)] == [1, 4, 7, 4, 4]
    assert bar_after(7, None) == 8


def test_a_jump_begins_a_pass():
    timeline, passes = laid_out(PracticeSettings())
    passes.begin(0)
    timeline.jump(2, 0)
    assert [timeline.song_bar(bar) for bar in range(5)] == [0, 1, 2, 0, 1]
    assert passes.begins_at(3)
    assert [passes.number(bar) for bar in (2, 3, 4)] == [1, 2, 2]


def test_passes_to_come_are_known_by_key():
    _, passes = laid_out(PracticeSettings(loop=(0, 2), key_step=1, trainer=(0.5, 1.0, 0.1), trainer_needs_accuracy=0.9))
    passes.begin(0)
    assert [passes.settings(bar).transpose for bar in range(6)] == [0, 0, 1, 1, 2, 2]
    passes.begin(2, accuracy=0.95)
    assert passes.settings(2).tempo_factor == 0.6
    assert passes.settings(1).tempo_factor == 0.5


def test_what_the_player_chooses_holds_from_this_pass_on():
    _, passes = laid_out(PracticeSettings(loop=(0, 2)))
    passes.begin(0)
    passes.begin(2)
    passes.change(3, tempo_factor=0.8)
    passes.change(3, transpose=-3)
    assert (passes.settings(1).tempo_factor, passes.settings(1).transpose) == (1.0, 0)
    assert (passes.settings(4).tempo_factor, passes.settings(4).transpose) == (0.8, -3)
    with pytest.raises(UsageError, match="tempo 1000%"):
        passes.change(3, tempo_factor=10)


@pytest.mark.parametrize("loop", [(-1, 2), (2, 2), (3, 1), (0, 9), (8, 9)])
def test_loops_outside_the_song_are_refused(loop):
    with pytest.raises(UsageError, match="the song has bars 1-8"):
        check_loop(loop, 8)
