"""Rolling live cases: what the player has, what is hidden from the session, and what is judged."""

from __future__ import annotations

from dataclasses import replace

import pytest

from companion.evaluation.live.rolling import (
    BEFORE,
    OURS,
    TRUE,
    bars_that_sounded,
    bars_until_fit,
    draw_cases,
    guided_bars,
    live_lines,
    measure_live,
    perform_case,
)
from companion.evaluation.live.scenario import CHORUSES, NEW_KEY, NEW_KEY_BARS, LiveCase, Manners, case_of, player_of
from companion.evaluation.progress import Silent
from companion.evaluation.windows import LiveWindow
from companion.inference.checkpoints.hub import shipped_checkpoint
from companion.inference.engine import InferenceEngine
from companion.music import Bar, Note, Score, TimeSignature, Track
from companion.runtime.engine.worker import Worker

ROOTS = (0, 9, 5, 7)  # C Am F G


def _chord_bar(root: int) -> Bar:
    third = 3 if root == 9 else 4
    return Bar(tuple(Note(beat * 480, 400, 48 + root + tone, 80) for beat in (0, 1, 2, 3) for tone in (0, third, 7)))


def _bass_bar(root: int) -> Bar:
    return Bar(tuple(Note(beat * 480, 400, 36 + root, 80) for beat in (0, 2)))


def _window() -> LiveWindow:
    piano = Track(tuple(_chord_bar(root) for root in ROOTS), 0)
    bass = Track(tuple(_bass_bar(root) for root in ROOTS), 33)
    return LiveWindow("x", Score((piano, bass)), ((1, 3),), ((0, 3),))


@pytest.fixture
def case() -> LiveCase:
    """A piano player over four chords, whose bass is missing."""
    found = case_of(_window())
    assert found is not None
    return found


def test_the_player_has_all_parts_but_one_and_changes_key_after_the_choruses(case: LiveCase) -> None:
    assert [part.program for part in case.parts] == [0]
    assert case.missing.program == 33
    bars = player_of(case).bars
    assert len(bars) == CHORUSES * 4 + NEW_KEY_BARS == case.bar_count
    assert {note.key for note in bars[0]} == {note.key for note in bars[4]} == {48, 52, 55}
    assert {note.key for note in bars[CHORUSES * 4]} == {48 + NEW_KEY, 52 + NEW_KEY, 55 + NEW_KEY}


def test_music_that_changes_its_meter_or_has_no_part_for_us_is_no_case() -> None:
    window = _window()
    piano, bass = window.score.tracks
    drums = replace(window, score=Score((piano, replace(bass, is_drum=True))))
    assert case_of(drums) is None
    waltz = replace(piano, bars=(Bar((), TimeSignature(3, 4)), *piano.bars[1:]))
    assert case_of(replace(window, score=Score((waltz, bass)))) is None
    assert draw_cases([window], 5, [TimeSignature(3, 4)]) == []


def test_a_bar_fits_the_new_key_when_most_of_its_notes_are_the_players(case: LiveCase) -> None:
    old = [case.truth(bar % 4) for bar in range(case.bar_count)]
    assert bars_until_fit(case, [case.truth(bar) for bar in range(case.bar_count)]) == 0
    stubborn = [Bar((Note(0, 400, 50), Note(480, 400, 57)))] * case.bar_count  # D and A are in none of these chords
    assert bars_until_fit(case, stubborn) == NEW_KEY_BARS
    late = [*old[: case.change_bar + 1], *(case.truth(bar) for bar in range(case.change_bar + 1, case.bar_count))]
    assert bars_until_fit(case, late) == 1


def test_a_performance_is_judged_by_what_sounded(case: LiveCase) -> None:
    path = shipped_checkpoint("yellow_mini")
    if path is None:
        pytest.skip("no shipped checkpoint in this checkout")
    worker = Worker(InferenceEngine.from_checkpoint(path), "yellow_mini")
    log, jobs = perform_case(case, worker, "yellow_mini", Manners(), seed=3)
    bars = bars_that_sounded(log, case)
    assert sum(bool(bar.notes) for bar in bars) > case.bar_count // 2
    whole = [job for job in jobs if job.from_beat == 0]
    human = {lane: track for job in whole for track, lane in enumerate(job.tracks) if lane == 0}
    assert all((human[0], job.targets[0][1]) in job.hidden for job in whole), "the player's bar must be hidden"
    assert guided_bars(jobs), "the form or a chord that lasts gives some bars a guide"
    assert not guided_bars(perform_case(case, worker, "yellow_mini", Manners(threshold=1.1), seed=3)[1])
    report = measure_live([case], worker, "yellow_mini", Manners(), 3, Silent())
    shared = report["shared"]
    assert shared[TRUE]["chorus 2"]["value"] == 1.0
    assert shared[BEFORE]["chorus 2"]["value"] < 1.0
    assert 0 < shared[OURS]["chorus 2"]["value"] <= 1
    assert "chorus 3" in "\n".join(live_lines({**report, "split": "test"}))
