"""The form of the music, heard from its bars."""

from __future__ import annotations

import random

import pytest

from companion.midi.messages import SongPosition
from companion.music import Note
from companion.session.chords.heard import form_trust
from companion.session.input.form import FormMemory, likeness, pitch_class_beats, profile
from tests.session.session_stage import READY, Stage, duo

BAR_TICKS = 1920
BLUES = [57, 57, 57, 57, 62, 62, 57, 57, 64, 62, 57, 64]  # roots
CHANGES = (48, 53, 55, 50)  # C F G D, a bar each


def chord(root: int) -> list[Note]:
    return [Note(480 * beat, 400, root + step, 80) for beat, step in enumerate((0, 4, 7, 4))]


def heard(roots: list[int]) -> FormMemory:
    memory = FormMemory()
    for bar, root in enumerate(roots):
        memory.hear(bar, profile(chord(root), BAR_TICKS))
    return memory


def test_profile_knows_where_in_the_bar_a_note_sounds() -> None:
    early, late = profile([Note(0, 960, 60, 80)], BAR_TICKS), profile([Note(960, 4000, 60, 80)], BAR_TICKS)
    assert likeness(early, early) == pytest.approx(1)
    assert likeness(early, late) == 0
    assert likeness(early, profile([Note(0, 1920, 72, 80)], BAR_TICKS)) == pytest.approx(0.5**0.5)


def test_silence_is_like_silence_only() -> None:
    silent = profile([], BAR_TICKS)
    assert likeness(silent, silent) is None
    assert likeness(silent, profile(chord(60), BAR_TICKS)) == 0


@pytest.mark.parametrize(("bars", "period"), [(15, None), (16, 12), (24, 12), (40, 12)])
def test_a_blues_is_known_once_four_bars_of_the_second_chorus_are_heard(bars: int, period: int | None) -> None:
    memory = heard([BLUES[bar % 12] for bar in range(bars)])
    assert memory.period() == period
    assert memory.like(bars) == (None if period is None else bars - 12)


def test_the_shortest_period_is_taken_and_bars_further_ahead_come_from_the_last_round() -> None:
    memory = heard([CHANGES[bar % 4] for bar in range(24)])
    assert memory.period() == 4
    assert [memory.like(bar) for bar in (24, 27, 28, 31)] == [20, 23, 20, 23]
    assert memory.like(23) is None


def test_a_new_tune_is_not_taken_for_the_old_one() -> None:
    memory = heard([CHANGES[bar % 4] for bar in range(16)] + [49, 54, 58, 51, 61, 56, 59, 52])
    assert memory.period() is None


def test_neither_one_riff_for_ever_nor_free_playing_is_a_form() -> None:
    assert heard([57] * 20).period() is None
    chance = random.Random(5)
    assert heard([chance.randrange(48, 60) for _ in range(60)]).period() is None


def test_a_gap_begins_anew() -> None:
    memory = heard([CHANGES[bar % 4] for bar in range(16)])
    memory.hear(17, profile(chord(48), BAR_TICKS))
    assert memory.period() is None


def test_beats_by_pitch_class() -> None:
    beats = pitch_class_beats([Note(0, 480, 60, 80), Note(0, 240, 72, 80), Note(0, 960, 62, 80)], 480)
    assert beats == (1.5, 0, 2, *[0] * 9)


def loop_stage(bars: int, stop: bool = False) -> Stage:
    """A pianist who plays four chords over and over, a bar each, to a master at 120 from second 1."""
    stage = Stage(duo())
    stage.at(0, READY)
    stage.clock(1.0, 96 * bars, stop=stop)
    for bar in range(bars):
        for step in (0, 4, 7):
            stage.play(1.0 + 2 * bar, CHANGES[bar % 4] + 12 + step, 1.9)
    return stage


def test_jobs_carry_what_the_players_are_expected_to_sound() -> None:
    stage = loop_stage(14)
    stage.run(28.5)
    jobs = {effect.job.first_bar + effect.job.window.bar_count - 1: effect.job for _, effect in stage.jobs()}
    assert jobs[6].expected == ()
    for bar in (12, 13):
        sounding = {pitch for pitch, beats in enumerate(jobs[bar].expected) if beats > 1}
        assert sounding == {(CHANGES[bar % 4] + step) % 12 for step in (0, 4, 7)}


def test_after_a_jump_nothing_is_expected() -> None:
    stage = loop_stage(12, stop=True)
    stage.midi(25.5, SongPosition(16 * 30), "clock")
    stage.go_on(26.0, 96 * 4)
    stage.run(33.5)
    before, after = (
        [effect.job.expected for time, effect in stage.jobs() if (time < 25.2) == early] for early in (True, False)
    )
    assert any(before)
    assert after
    assert not any(after)


def moved_by(heard_memory: FormMemory, bar: int, root: int, parts: int) -> int:
    """What the first parts of a chord say about the key, as the distance to the bar of the form."""
    heard_memory.listen(
        bar, profile([note for note in chord(root) if note.onset_ticks < 480 * parts], BAR_TICKS), parts
    )
    like = heard_memory.like(bar + 1)
    assert like is not None
    return heard_memory.moved(like)


def test_a_form_that_goes_on_in_another_key_is_still_the_form() -> None:
    rounds = [CHANGES[bar % 4] for bar in range(16)] + [root + 6 for root in CHANGES]
    memory = heard(rounds)
    assert memory.period() == 4
    assert memory.like(20) == 16, "the last round is in the new key"
    assert memory.moved(16) == 0
    assert memory.moved(12) == 6, "the round before it lies six semitones lower"


def test_the_bar_that_sounds_tells_of_a_new_key_before_it_is_over() -> None:
    memory = heard([CHANGES[bar % 4] for bar in range(16)])
    assert moved_by(memory, 16, CHANGES[0] - 2, 3) == -2
    assert moved_by(memory, 16, CHANGES[0], 3) == 0, "it was heard wrongly at first"
    assert moved_by(memory, 16, CHANGES[0] - 2, 1) == 0, "one beat is not enough"


def test_a_single_wrong_bar_moves_nothing_that_its_next_bar_does_not_move_back() -> None:
    memory = heard([CHANGES[bar % 4] for bar in range(16)] + [CHANGES[0] + 1, CHANGES[1], CHANGES[2]])
    assert memory.moved(memory.like(19) or 0) == 0


def test_within_a_round_another_chord_is_no_other_key_until_the_next_bar_agrees() -> None:
    rounds = [CHANGES[bar % 4] for bar in range(16)]
    memory = heard([*rounds, CHANGES[0], CHANGES[1] + 6])
    assert memory.moved(memory.like(18) or 0) == 0
    assert moved_by(memory, 18, CHANGES[2] + 6, 3) == 6
    assert moved_by(memory, 18, CHANGES[2], 3) == 0


def test_a_form_that_repeats_exactly_is_trusted_more() -> None:
    exact = heard([CHANGES[bar % 4] for bar in range(20)])
    free, chance = FormMemory(), random.Random(1)
    for bar in range(20):
        extra = [Note(0, 1400, 60 + chance.randrange(12), 80)]
        free.hear(bar, profile([*chord(CHANGES[bar % 4]), *extra], BAR_TICKS))
    one, other = exact.place(20), free.place(20)
    assert one is not None
    assert other is not None
    assert one.moved == other.moved == 0
    assert one.alike == pytest.approx(1)
    assert other.alike < 0.95
    assert form_trust(other.alike) < form_trust(one.alike)
