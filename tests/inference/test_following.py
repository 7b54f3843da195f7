"""Steering a melodic part to a density, and out of the player's register: with a model that knows no music at all."""

from __future__ import annotations

import numpy as np
import pytest

from companion.inference.live import LiveInfill, LiveJob
from companion.inference.prompts.prompt import WindowRequest
from companion.inference.steering.bar_so_far import Places
from companion.inference.steering.dials import Steering
from companion.inference.steering.pacing import Pace
from companion.inference.steering.register import IN_THE_WAY, away_from
from companion.tokenizer import Vocabulary, attributes
from tests import golden

PIANO = 2


@pytest.fixture(scope="module")
def places() -> Places:
    return Places.of(Vocabulary(golden.config("yellow")))


@pytest.fixture
def live(engine_of):
    return LiveInfill(engine_of("yellow"))


def melodic(band) -> int:
    return next(number for number, track in enumerate(band.tracks) if not track.is_drum)


def written(live, band, track: int, **wishes) -> list:
    job = LiveJob(band, ((track, 6),), hidden=frozenset({(0, 6)} - {(track, 6)}), **wishes)
    return [note for take in live.generate(job).takes for note in take.bars[(track, 6)]]


@pytest.mark.parametrize("level", [0, 2, 5, 8])
def test_a_melodic_part_keeps_the_pace_asked_for(live, band, level: int) -> None:
    track = melodic(band)
    shown = [bar.notes for at, bar in enumerate(band.tracks[track].bars) if at != 6]
    onsets = sum(len({note.onset_ticks for note in notes}) for notes in shown)
    chord = max(1.0, sum(map(len, shown)) / onsets) if onsets else 1.0
    fewest, most = attributes.density_range(level)
    assert most is not None
    for seed in range(2):
        assert (
            round(fewest * chord)
            <= len(written(live, band, track, seed=seed, paces={track: level}))
            <= most * chord + 1
        )


def test_a_part_stays_out_of_the_players_register(live, band) -> None:
    track = melodic(band)

    def share(strength: float | None) -> float:
        avoided = {} if strength is None else {track: (48, 72, strength)}
        notes = [
            note
            for seed in range(3)
            for note in written(live, band, track, seed=seed, avoided=avoided, paces={track: 6}, allow_rests=False)
        ]
        assert len(notes) > 15
        return sum(48 <= note.pitch <= 72 for note in notes) / len(notes)

    free, half, whole = share(None), share(0.5), share(1.0)
    assert free > 0.1
    assert half < free / 2
    assert whole < free / 6


def test_without_wishes_nothing_is_steered(live, band) -> None:
    track = melodic(band)
    plain = written(live, band, track, seed=3)
    assert plain == written(live, band, track, seed=3, paces={track + 1: 9}, avoided={track + 1: (0, 127, 1.0)})


def test_the_push_is_against_the_register_and_nothing_else(places: Places) -> None:
    away = away_from((60, 71, 0.5), places)
    assert away is not None
    assert set(np.flatnonzero(away)) == set(range(60, 72))
    assert set(away[60:72]) == {-IN_THE_WAY * 0.5}
    assert away_from(None, places) is None


def test_a_part_of_chords_has_a_pace_in_chords(places: Places) -> None:
    single, chords = Pace(3, 48, places), Pace(3, 48, places, 4.0)
    assert (chords.fewest, chords.most) == (4 * single.fewest, 4 * single.most)


def test_a_note_gets_half_of_its_chance_back_while_its_pitch_moves(band, places: Places) -> None:
    vocabulary, track = Vocabulary(golden.config("yellow")), melodic(band)
    request = WindowRequest(band, ((track, 6),))
    steering = Steering.of(vocabulary, request, [(track, 6)], avoided=[(60, 71, 1.0)])
    assert steering is not None
    logits = np.random.default_rng(1).normal(size=places.size).astype(np.float32)
    leaning = steering.lean(logits)

    def chance(of: np.ndarray) -> float:
        return float(np.exp(of[places.pitches]).sum())

    pushed = logits.copy()
    pushed[places.pitches][60:72] -= IN_THE_WAY
    assert chance(leaning) ** 2 == pytest.approx(chance(logits) * chance(pushed), rel=1e-3)
    moved = leaning[places.pitches] - logits[places.pitches]
    assert moved[60:72] + IN_THE_WAY == pytest.approx(np.full(12, moved[0]), abs=1e-4)
    others = np.ones(places.size, dtype=bool)
    others[places.pitches] = False
    assert np.array_equal(leaning[others], logits[others])
