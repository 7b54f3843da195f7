"""Leaning towards known chords, onset by onset."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from companion.harmony.spans import ChordSpan
from companion.harmony.symbols import parse_chord
from companion.inference.live import LiveInfill, LiveJob
from companion.inference.steering.bar_so_far import BarSoFar, Places
from companion.inference.steering.chords import ChordLean, strong_beats
from companion.music import TimeSignature
from companion.tokenizer import EncoderConfig, Vocabulary

VOCABULARY = Vocabulary(EncoderConfig.load("yellow"))
PLACES = Places.of(VOCABULARY)
FOUR = TimeSignature(4, 4)
BEAT = VOCABULARY.config.resolution
C_THEN_G = (ChordSpan(0, 2, parse_chord("C")), ChordSpan(2, 2, parse_chord("G/B")))
C, D_FLAT, D, E, G, B = 60, 61, 62, 64, 67, 71
PIANO, BASS = 0, 32


def leaned(tick, program=PIANO, here=0, strength=1.0, chords=C_THEN_G, meter=FOUR):
    """What the lean adds to each pitch [128], relative to the largest, for a note that begins on this tick."""
    lean = ChordLean.of(chords, meter, strength, program, PLACES)
    assert lean is not None
    bar = BarSoFar.start(meter.bar_ticks(BEAT), 48)
    bar.position_ticks, bar.here = tick, here
    changed = lean.lean(np.zeros(VOCABULARY.size, dtype=np.float32), bar)[PLACES.pitches]
    return changed - changed.max()


@pytest.mark.parametrize(
    ("meter", "beats"),
    [((4, 4), (0, 2)), ((3, 4), (0,)), ((2, 4), (0,)), ((6, 8), (0, 1.5)), ((12, 8), (0, 1.5, 3, 4.5)), ((5, 4), (0,))],
)
def test_strong_beats_of_a_meter(meter, beats):
    assert strong_beats(TimeSignature(*meter)) == beats


def test_the_chord_at_the_onset_counts_and_not_the_bars():
    first, second = leaned(0), leaned(2 * BEAT)
    assert first[C] == first[E] == 0 > first[D]
    assert second[D] == second[B] == 0 > second[C]


def test_every_octave_of_a_chord_tone_is_left_alone():
    assert (leaned(0)[[24, 36, 48, 60, 72, 84]] == 0).all()


def test_notes_outside_the_chord_may_pass_between_strong_beats():
    strong, beat, between = (leaned(tick)[D] for tick in (0, BEAT, BEAT // 2))
    assert strong < beat < between < 0


def test_a_bass_walks_more_freely_than_others():
    for tick in (BEAT, BEAT // 2):
        assert leaned(tick, BASS)[D] > leaned(tick, PIANO)[D]


def test_a_bass_takes_the_root_or_the_slash_bass_where_a_chord_begins():
    assert leaned(0, BASS)[36] == 0 > leaned(0, BASS)[43]
    assert leaned(2 * BEAT, BASS)[47] == 0 > leaned(2 * BEAT, BASS)[43], "G/B stands on B"
    assert leaned(BEAT, BASS)[36] == leaned(BEAT, BASS)[43] == 0


def test_the_second_note_of_an_onset_is_a_voice_of_the_chord():
    assert leaned(BEAT // 2, here=1)[D] == leaned(0)[D]


def test_the_lean_never_decides_whether_there_is_a_note():
    lean = ChordLean.of(C_THEN_G, FOUR, 1.0, PIANO, PLACES)
    assert lean is not None
    logits = np.random.default_rng(1).normal(size=VOCABULARY.size).astype(np.float32)
    changed = lean.lean(logits, BarSoFar.start(4 * BEAT, 48))
    before, after = (np.exp(values[PLACES.pitches]).sum() for values in (logits, changed))
    assert after == pytest.approx(before, rel=1e-4)
    others = np.ones(VOCABULARY.size, dtype=bool)
    others[PLACES.pitches] = False
    np.testing.assert_array_equal(changed[others], logits[others])


def test_a_bass_is_drawn_to_strike_where_a_chord_begins():
    lean = ChordLean.of(C_THEN_G, FOUR, 1.0, BASS, PLACES)
    assert lean is not None
    bar = BarSoFar.start(4 * BEAT, 48)
    positions = lean.lean(np.zeros(VOCABULARY.size, dtype=np.float32), bar)[PLACES.positions]
    assert positions[0] == 0 > positions[1] == positions[2 * BEAT], "the first chord begins with the bar"
    bar.notes, bar.position_ticks = 1, BEAT
    changed = lean.lean(np.zeros(VOCABULARY.size, dtype=np.float32), bar)
    positions = changed[PLACES.positions]
    assert positions[2 * BEAT] == 0 > positions[2 * BEAT + 1]
    assert (changed[PLACES.ends] < 0).all()
    bar.position_ticks = 2 * BEAT
    changed = lean.lean(np.zeros(VOCABULARY.size, dtype=np.float32), bar)
    assert not changed[PLACES.positions].any()
    assert not changed[PLACES.ends].any()


def test_strength_scales_the_push_and_no_chord_pushes_nothing():
    assert leaned(0, strength=0.5)[D] == pytest.approx(leaned(0, strength=1.0)[D] / 2, rel=1e-4)
    silent = (ChordSpan(0, 2, None), C_THEN_G[1])
    assert not leaned(0, chords=silent).any()
    assert leaned(2 * BEAT, chords=silent)[C] < 0


@pytest.mark.parametrize(
    ("chords", "strength"), [(None, 1.0), ((), 1.0), ((ChordSpan(0, 4, None),), 1.0), (C_THEN_G, 0.0)]
)
def test_nothing_to_lean_on(chords, strength):
    assert ChordLean.of(chords, FOUR, strength, PIANO, PLACES) is None


def test_a_bass_rests_less_often_and_others_as_often_as_they_would():
    rests = {program: ChordLean.of(C_THEN_G, FOUR, 0.5, program, PLACES).rest_push for program in (PIANO, BASS)}
    assert rests[PIANO] == 0 > rests[BASS]


@pytest.fixture
def job(band):
    future = frozenset({(0, 6), (0, 7), (1, 7), (2, 7), (3, 7)})
    melodic = next(number for number, track in enumerate(band.tracks) if number and not track.is_drum)
    return LiveJob(band, ((melodic, 6),), hidden=future, density_hard_limit=12, allow_rests=False, chords=C_THEN_G)


def test_bars_keep_to_the_chords_the_more_the_higher_the_dial(engine_of, job):
    live = LiveInfill(engine_of("yellow"))

    def share(harmony):
        takes = live.generate(replace(job, harmony=harmony, takes=12, seed=5)).takes
        notes = [note for take in takes for bar in take.bars.values() for note in bar]
        inside = [note.pitch % 12 in C_THEN_G[int(note.onset_ticks >= 960)].chord.pitch_classes for note in notes]
        return sum(inside) / len(inside)

    free, default, strict = (share(harmony) for harmony in (0.0, 0.5, 3.0))
    assert free < default <= strict
    assert strict > 0.95


def test_drums_are_left_alone(engine_of, job, band):
    drums = next(number for number, track in enumerate(band.tracks) if track.is_drum)
    aimed = replace(job, targets=((drums, 6),))
    live = LiveInfill(engine_of("yellow"))
    assert live.generate(replace(aimed, harmony=3.0)).takes == live.generate(replace(aimed, harmony=0.0)).takes
