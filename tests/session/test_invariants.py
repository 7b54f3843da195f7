"""What must hold whatever happens, over random performances (see `soak`) and over black-box repetition."""

from __future__ import annotations

import random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from companion.midi.messages import ClockStop, NoteOn
from companion.session.api.events import EngineLost
from tests.session.session_stage import READY, Stage, trio
from tests.session.soak import Tally, random_event, soak, stretch


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 2**32))
def test_no_note_hangs_and_none_is_struck_twice(seed):
    tally = Tally()
    stretch(seed, 150, tally)
    assert tally.faults == 0
    assert tally.latest_seconds <= 0.0201


def test_soak_counts_what_it_did():
    tally = soak(300, 3)
    assert tally.events >= 300
    assert tally.faults == 0
    assert tally.notes_out > 0


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 2**32))
def test_the_same_performance_twice_has_the_same_effects(seed):
    def run() -> list:
        rng = random.Random(seed)
        stage = Stage(trio(), engine_seconds=0.4, seed=seed)
        stage.at(0, READY)
        stage.clock(0.5, 96 * 4)
        for _ in range(60):
            random_event(stage, rng, rng.uniform(0, 8))
        stage.run(9)
        stage.close()
        return stage.log

    assert run() == run()


def test_a_front_that_looks_changes_nothing():
    def run(look: bool) -> list:
        stage = Stage(trio(), engine_seconds=0.4)
        stage.at(0, READY)
        stage.clock(0.5, 96 * 4)
        for step in range(80):
            stage.run(step / 10)
            if look:
                stage.session.snapshot(stage.now)
        return stage.log

    assert run(True) == run(False)


def test_extra_timers_change_nothing():
    def run(extra: bool) -> list:
        stage = Stage(trio(), engine_seconds=0.4)
        stage.at(0, READY)
        stage.clock(0.5, 96 * 4)
        for step in range(800):
            stage.run(step / 100)
            if extra:
                stage.session.handle_timer(stage.now)
                stage.drain()
        return [(round(effect.due_seconds, 9), effect.message) for _, effect in stage.sent(NoteOn)]

    assert run(True) == run(False)


def test_an_engine_lost_and_a_stop_at_the_same_moment():
    stage = Stage(trio(), engine_seconds=0.4)
    stage.at(0, READY)
    stage.clock(0.5, 96 * 2 + 10)
    stage.at(4.7, EngineLost("killed"))
    stage.midi(4.7, ClockStop(), "clock")
    stage.run(6)
    assert stage.hanging == 0
