"""Steering: bars come out as the dials ask, whatever the model would rather have written."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.inference.decoding.sampling import chance_of
from companion.inference.live import LiveInfill, LiveJob
from companion.inference.prompts.prompt import WindowRequest
from companion.inference.requests.request import GenerationRequest, InferenceConfig
from companion.inference.steering.bar_so_far import BarSoFar, Places
from companion.inference.steering.dials import Steering
from companion.inference.steering.pacing import FORBIDDEN, Pace
from companion.inference.steering.voicing import Lengths, Voices
from companion.tokenizer import TokenType, Vocabulary, attributes
from tests import golden

TARGET = (3, 6)  # the drums of the band


@pytest.fixture(scope="module")
def vocabulary():
    return Vocabulary(golden.config("yellow"))


@pytest.fixture(scope="module")
def places(vocabulary):
    return Places.of(vocabulary)


@pytest.fixture
def live(engine_of):
    return LiveInfill(engine_of("yellow"))


def bar_of(vocabulary, *tokens: tuple[TokenType, int], length: int = 48) -> BarSoFar:
    bar = BarSoFar.start(length, vocabulary.domain_size(TokenType.NOTE_DURATION))
    for token_type, value in tokens:
        bar.push(token_type, value)
    return bar


def chord(position: int, duration: int, *pitches: int) -> list[tuple[TokenType, int]]:
    start = [(TokenType.TIME_ABSOLUTE_POS, position)] if position else []
    notes = [[(TokenType.NOTE_ONSET, pitch), (TokenType.NOTE_DURATION, duration - 1)] for pitch in pitches]
    return [*start, *(token for note in notes for token in note)]


def hits(*counts: tuple[int, int]) -> list[tuple[TokenType, int]]:
    tokens: list[tuple[TokenType, int]] = []
    for position, count in counts:
        tokens += [(TokenType.TIME_ABSOLUTE_POS, position)] if position else []
        tokens += [(TokenType.NOTE_ONSET, 36 + n) for n in range(count)]
    return tokens


def where_next(part, places, bar: BarSoFar) -> np.ndarray:
    bias = np.zeros(places.size, dtype=np.float32)
    part.where_next(bias, bar)
    return bias


def duration(part, places, bar: BarSoFar) -> np.ndarray:
    bias = np.zeros(places.size, dtype=np.float32)
    part.duration(bias, bar)
    return bias[places.durations]


@pytest.mark.parametrize("level", range(10))
@pytest.mark.parametrize("seed", range(2))
def test_any_model_writes_the_density_asked_for(live, band, level, seed):
    """The tiny model knows no music at all, so that every note there is comes from the steering."""
    job = LiveJob(band, (TARGET,), hidden=frozenset({(0, 6)}), seed=seed, attributes={3: {"note_density": level}})
    written = live.generate(job).takes[0].bars[TARGET]
    fewest, most = attributes.density_range(level)
    assert fewest <= len(written) <= (most or 99)
    halves = [sum(note.onset_ticks * 2 // (4 * band.resolution) == half for note in written) for half in (0, 1)]
    assert max(halves) <= 0.7 * len(written) + 2


def test_ranges_of_the_levels_meet():
    for level in range(9):
        assert attributes.density_range(level + 1)[0] == attributes.density_range(level)[1] + 1
    starts = attributes.duration_level_starts(12)
    assert starts == (1, 3, 6, 12, 24, 48)


def test_a_bar_behind_its_pace_fears_far_jumps_and_one_ahead_near_ones(vocabulary, places):
    pace = Pace(6, 48, places)  # 13 to 15 notes
    behind = where_next(pace, places, bar_of(vocabulary, *hits((0, 1), (12, 1))))[places.positions]
    assert behind[18] > behind[24] > behind[36]
    ahead = where_next(pace, places, bar_of(vocabulary, *hits((0, 5), (6, 5))))[places.positions]
    assert ahead[12] < ahead[18] < ahead[30]


def test_a_bar_may_not_end_below_its_range_nor_go_on_above(vocabulary, places):
    pace = Pace(0, 48, places)  # one or two notes
    empty = where_next(pace, places, bar_of(vocabulary))
    assert (empty[places.ends] <= FORBIDDEN).all()
    full = where_next(pace, places, bar_of(vocabulary, *hits((0, 1), (24, 1))))
    assert (full[places.note_starts] <= FORBIDDEN).all()
    assert (full[places.positions] <= FORBIDDEN).all()
    assert (full[places.ends] == 0).all()


def test_a_bar_on_its_pace_is_left_alone(vocabulary, places):
    bar = bar_of(vocabulary, *hits((0, 2), (6, 1), (12, 2), (18, 1)))  # 6 of 13 to 15 after three eighths
    pushes = where_next(Pace(6, 48, places), places, bar)
    assert abs(pushes[places.positions][21:24]).max() < 0.5


def test_wanted_voices_are_stacked_and_no_more(vocabulary, places):
    voices = Voices.of({"max_polyphony": 2}, places)
    assert voices is not None
    one = where_next(voices, places, bar_of(vocabulary, *chord(0, 12, 60)))
    assert one[places.positions][24] < 0 == one[places.note_starts].max()
    three = where_next(voices, places, bar_of(vocabulary, *chord(0, 12, 60, 64, 67)))
    assert three[places.note_starts].max() < 0
    assert three[places.positions][1] < three[places.positions][8] < three[places.positions][12] == 0


def test_notes_that_still_sound_count_as_voices(vocabulary, places):
    voices = Voices.of({"max_polyphony": 0}, places)
    assert voices is not None
    held = where_next(voices, places, bar_of(vocabulary, *chord(0, 24, 60)))[places.positions]
    assert held[6] < held[23] < held[24] == 0


def test_a_chord_ends_together_and_is_of_different_pitches(vocabulary, places):
    voices = Voices.of({"min_polyphony": 2}, places)
    assert voices is not None
    bar = bar_of(vocabulary, *chord(0, 12, 60))
    bar.push(TokenType.NOTE_ONSET, 64)
    assert int(np.argmax(duration(voices, places, bar))) == 11
    bias = np.zeros(places.size, dtype=np.float32)
    voices.pitch(bias, bar)
    pitches = bias[places.pitches]
    assert pitches[60] < pitches[61] < pitches[64] == 0


def test_lengths_lean_inwards_and_reach_their_limit_now_and_then(vocabulary, places):
    lengths = Lengths.of({"min_note_duration": 2}, places)  # eighths
    assert lengths is not None
    first = duration(lengths, places, bar_of(vocabulary))
    assert first[2] < first[5] > first[23]
    reached = duration(lengths, places, bar_of(vocabulary, *chord(0, 6, 60), *chord(6, 6, 60)))
    assert reached[2] < reached[5] == reached[23]


def test_contradicting_limits_mean_the_upper_one(places):
    voices = Voices.of({"min_polyphony": 5, "max_polyphony": 1}, places)
    assert voices is not None
    assert (voices.fewest, voices.most) == (2, 2)
    assert Voices.of({"max_polyphony": 9}, places) is None


def test_nothing_asked_is_no_steering(vocabulary, band):
    computed = WindowRequest(band, (TARGET,), attributes={3: {"note_density": 4}})
    assert Steering.of(vocabulary, computed, (TARGET,)) is None
    elsewhere = replace(computed, asked={1: {"max_polyphony": 1}})
    assert Steering.of(vocabulary, elsewhere, (TARGET,)) is None


@given(st.lists(st.integers(0, 646), max_size=60), st.integers(0, 9), st.integers(0, 9), st.integers(0, 5))
@settings(max_examples=50, deadline=None)
def test_pushes_are_numbers_whatever_was_written(tokens, low, high, length):
    vocabulary = Vocabulary(golden.config("yellow"))
    window = golden.read("synth/s14_band8.mid")
    asked = {"min_polyphony": low, "max_polyphony": high, "max_note_duration": length, "note_density": low}
    for track in (1, 3):
        steering = Steering.of(vocabulary, WindowRequest(window, ((track, 6),), asked={track: asked}), ((track, 6),))
        assert steering is not None
        for token in tokens:
            if vocabulary.type_of(token)[0] not in (TokenType.BAR, TokenType.FILL_IN_START):
                steering.push(token)
            bias = steering.bias()
            assert bias is None or np.isfinite(bias).all()


@pytest.mark.parametrize("autoregressive", [False, True])
def test_offline_requests_are_steered_too(engine_of, band, autoregressive):
    request = GenerationRequest.from_dict(
        {
            "tracks": [
                {"id": 3, "bars": [6, 7], "autoregressive": autoregressive, "attributes": {"note_density": 4}},
                *({"id": other} for other in range(3)),
            ],
            "config": {"model_dim": 4, "seed": 4, "novelty_check": False},
        }
    )
    fewest, most = attributes.density_range(4)
    steered = engine_of("yellow").generate(band, request).score.tracks[3]
    assert all(fewest <= len(steered.bars[bar].notes) <= (most or 99) for bar in (6, 7))
    free = replace(request, config=replace(request.config, steer=False))
    loose = engine_of("yellow").generate(band, free).score.tracks[3]
    assert loose != steered
    assert InferenceConfig().steer


@pytest.mark.parametrize(("asked", "sounds"), [({"min_polyphony": 1}, True), ({"min_polyphony": 0}, False)])
def test_who_asks_for_voices_together_gets_no_rest(vocabulary, band, asked, sounds):
    steering = Steering.of(vocabulary, WindowRequest(band, ((1, 6),), asked={1: asked}), ((1, 6),))
    assert steering is not None
    assert steering.must_sound is sounds


def test_takes_in_a_batch_are_steered_one_by_one(live, band):
    job = LiveJob(band, (TARGET,), seed=1, takes=3, attributes={3: {"note_density": 3}})
    together = live.generate(job).takes
    assert list(together) == [live.generate(replace(job, takes=1, first_take=n)).takes[0] for n in range(3)]
    assert {len(take.bars[TARGET]) for take in together} <= set(range(6, 9))


def test_a_rest_has_the_models_own_chance(vocabulary):
    logits = np.zeros(4, dtype=np.float32)
    logits[3] = np.log(3.0)
    assert chance_of(3, logits, np.array([True, True, True, True])) == pytest.approx(0.5)
    assert chance_of(3, logits, np.array([False, True, False, True])) == pytest.approx(0.75)
    assert chance_of(3, np.full(4, np.nan, dtype=np.float32), np.ones(4, dtype=bool)) == 0


def test_cold_sampling_rests_as_often_as_warm(engine_of, band, monkeypatch):
    """A rest that the model gives one chance in three comes one time in three, not never."""
    from companion.inference.decoding import choosing
    from companion.inference.decoding.sampling import SamplingOptions

    monkeypatch.setattr(choosing, "chance_of", lambda end, logits, legal: 1 / 3)
    live = LiveInfill(engine_of("yellow"))
    cold = SamplingOptions(temperature=0.2, top_p=0.3)
    rests = [
        not live.generate(LiveJob(band, (TARGET,), seed=n, sampling=cold, density_hard_limit=1)).takes[0].bars[TARGET]
        for n in range(60)
    ]
    assert 10 <= sum(rests) <= 30
    job = LiveJob(band, (TARGET,), sampling=cold, allow_rests=False, density_hard_limit=1)
    assert all(live.generate(replace(job, seed=n)).takes[0].bars[TARGET] for n in range(10))
