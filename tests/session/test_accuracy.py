"""Simulated players with known errors: the report has to find exactly those."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.session.practice.accuracy import AccuracyMeter, PlayedNote, WrittenNote, align, tally, window_beats

BEAT = 0.5  # 120 BPM


def melody(count=200, step=0.5, seed=1):
    """An eighth-note line with repeated pitches and some chords, none wider than an octave."""
    rng = random.Random(seed)
    notes = []
    for index in range(count):
        pitches = rng.sample(range(55, 67), rng.choice([1, 1, 1, 3]))
        notes += [WrittenNote(index * step, pitch, 1, int(index * step // 4)) for pitch in pitches]
    return notes


def perform(notes, late_seconds=0.0, octave=0, beat=BEAT):
    return [PlayedNote(n.position_beats + late_seconds / beat, n.pitch + 12 * octave, beat) for n in notes]


def judge(written, played, beat=BEAT):
    """Counts of the whole at once, which live settling has to agree with."""
    whole = tally(align(written, played, window_beats(beat)))
    live = settle_live(written, played, beat)
    assert counts(live) == counts(whole)
    assert live.mean_offset_ms == pytest.approx(whole.mean_offset_ms, abs=1e-6)
    return whole


def counts(result):
    return result.right, result.wrong, result.missed, result.extra, result.wrong_octave


def settle_live(written, played, beat=BEAT, every=1.0):
    meter = AccuracyMeter(beat)
    meter.expect(written)
    position = 0.0
    for note in sorted(played, key=lambda note: note.position_beats):
        while position < note.position_beats:
            meter.advance(position)
            position += every
        meter.play(note)
    meter.advance(1e9)
    return meter.tally(1)


@pytest.mark.parametrize("late_ms", [-40, -20, 0, 20, 75])
def test_a_player_who_is_late_by_a_constant(late_ms):
    written = melody()
    result = judge(written, perform(written, late_ms / 1000))
    assert counts(result) == (len(written), 0, 0, 0, 0)
    assert result.mean_offset_ms == pytest.approx(late_ms)
    assert result.offset_spread_ms == pytest.approx(0, abs=1e-6)
    assert result.accuracy == 1


def test_a_player_who_misses_every_tenth_note():
    written = melody()
    played = perform([note for index, note in enumerate(written) if index % 10], 0.02)
    result = judge(written, played)
    missed = len(range(0, len(written), 10))
    assert counts(result) == (len(written) - missed, 0, missed, 0, 0)
    assert result.mean_offset_ms == pytest.approx(20)


def test_a_player_in_the_wrong_octave():
    written = melody()
    result = judge(written, perform(written, octave=1))
    assert counts(result) == (0, len(written), 0, 0, len(written))
    assert result.accuracy == 0


def test_wrong_and_extra_notes_are_told_apart():
    written = [WrittenNote(beat, 60) for beat in range(8)]
    played = [
        *perform(written[:4]),
        *perform([WrittenNote(beat, 61) for beat in range(4, 8)]),
        PlayedNote(2.5, 70, BEAT),
    ]
    assert counts(judge(written, played)) == (4, 4, 0, 1, 0)


def test_repeated_notes_are_not_taken_for_their_neighbours():
    written = [WrittenNote(beat / 4, 60) for beat in range(64)]  # sixteenths on one key, 125 ms apart
    played = perform([note for index, note in enumerate(written) if index % 8 != 3], 0.02)
    result = judge(written, played)
    assert counts(result) == (56, 0, 8, 0, 0)
    assert result.mean_offset_ms == pytest.approx(20)


def test_an_early_first_note_counts_for_the_pass_it_was_written_in():
    meter = AccuracyMeter(BEAT)
    meter.expect([WrittenNote(0, 60, 1), WrittenNote(4, 60, 2)])
    meter.play(PlayedNote(0.0, 60, BEAT, 1))
    meter.play(PlayedNote(3.95, 60, BEAT, 1))
    meter.advance(10)
    assert (meter.tally(1).right, meter.tally(2).right) == (1, 1)
    assert meter.tally(1).extra == 0
    assert meter.tally(2).mean_offset_ms == pytest.approx(-25)


def test_notes_to_come_are_not_missed_yet_and_can_be_dropped():
    meter = AccuracyMeter(BEAT)
    meter.expect([WrittenNote(0, 60), WrittenNote(1, 62), WrittenNote(9, 64)])
    meter.advance(1.0)
    assert counts(meter.tally(1)) == (0, 0, 1, 0, 0)
    meter.forget_pending(1.0)
    meter.advance(20)
    assert counts(meter.tally(1)) == (0, 0, 1, 0, 0)


def test_nothing_written_and_nothing_played():
    assert align([], [], 0.3) == []
    assert AccuracyMeter().tally(1).accuracy is None


onsets = st.lists(st.tuples(st.floats(0, 16), st.integers(58, 64)), max_size=25)


@settings(max_examples=60)
@given(onsets, onsets)
def test_every_note_is_judged_once(written, played):
    judged = align([WrittenNote(*item) for item in written], [PlayedNote(*item) for item in played], 0.3)
    result = tally(judged)
    assert result.right + result.wrong + result.missed == len(written)
    assert result.right + result.wrong + result.extra == len(played)
    assert all(abs(item.offset_seconds) <= 0.15 + 1e-9 for item in judged)
