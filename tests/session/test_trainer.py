"""Tempo and key from pass to pass, and transposition."""

import pytest

from companion.errors import UsageError
from companion.music import Bar, Note, Score, Track
from companion.session.api.settings import PracticeSettings
from companion.session.practice.trainer import check_transposition, first_pass, next_pass, transposition_range


def factors(practice, passes, accuracy=None):
    current = first_pass(practice)
    found = [current.tempo_factor]
    for _ in range(passes - 1):
        current = next_pass(current, practice, accuracy)
        found.append(current.tempo_factor)
    return found


def test_the_tempo_rises_to_its_goal_and_stays():
    assert factors(PracticeSettings(trainer=(0.7, 0.8, 0.04)), 5) == [0.7, 0.74, 0.78, 0.8, 0.8]
    assert factors(PracticeSettings(trainer=(1.1, 1.0, -0.06)), 3) == [1.1, 1.04, 1.0]


@pytest.mark.parametrize(("accuracy", "second"), [(0.95, 0.75), (0.9, 0.75), (0.89, 0.7), (None, 0.7)])
def test_the_tempo_waits_until_a_pass_was_good_enough(accuracy, second):
    assert factors(PracticeSettings(trainer=(0.7, 1.0, 0.05), trainer_needs_accuracy=0.9), 2, accuracy)[1] == second


def test_the_key_goes_round_within_a_tritone():
    practice = PracticeSettings(transpose=-2, key_step=5)
    keys = [first_pass(practice)]
    for _ in range(12):
        keys.append(next_pass(keys[-1], practice))
    found = [key.transpose for key in keys]
    assert found[0] == found[12] == -2
    assert len(set(found[:12])) == 12
    assert all(-7 <= key <= 4 for key in found)


@pytest.mark.parametrize(
    "practice",
    [
        PracticeSettings(trainer=(0.7, 1.1, -0.04)),
        PracticeSettings(trainer=(0.7, 0.7, 0.1)),
        PracticeSettings(tempo_factor=0.0),
        PracticeSettings(trainer=(0.5, 9, 0.1)),
    ],
)
def test_what_makes_no_sense_is_refused(practice):
    with pytest.raises(UsageError, match="tempo"):
        first_pass(practice)


def test_transposition_range_and_drums():
    melodic = Track((Bar((Note(0, 1, 20), Note(0, 1, 120))),))
    drums = Track((Bar((Note(0, 1, 1),)),), is_drum=True)
    score = Score((melodic, drums))
    assert transposition_range(score) == (-20, 7)
    check_transposition(score, 7)
    with pytest.raises(UsageError, match=r"by \+8: the written notes allow -20 to \+7"):
        check_transposition(score, 8)
    assert transposition_range(Score((drums,))) == (-127, 127)
