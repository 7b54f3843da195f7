"""Notes against chords, and reactions, on bars written by hand."""

from __future__ import annotations

from random import Random

import pytest

from companion.evaluation.harmony.chords import chord_changes, in_chord, part_of
from companion.evaluation.harmony.reaction import BARS_HEARD, _up_to, first_fit
from companion.evaluation.harmony.wrong_guides import NEIGHBOUR, NONE, OTHER, SEMITONE, TRUE, break_even, planted_guides
from companion.evaluation.windows import LiveWindow
from companion.harmony.spans import ChordSpan
from companion.harmony.symbols import parse_chord
from companion.music import Bar, Note, Score, Track

C_THEN_G7 = (ChordSpan(0, 2, parse_chord("C")), ChordSpan(2, 2, parse_chord("G7")))


def test_a_note_counts_by_the_chord_at_its_onset() -> None:
    notes = [(0, 60), (480, 61), (959, 65), (960, 65), (1440, 59)]  # in, out, out (still C), in, in
    assert in_chord(Bar(tuple(Note(onset, 240, pitch) for onset, pitch in notes)), C_THEN_G7) == (3, 5)


def test_notes_without_a_chord_do_not_count() -> None:
    spans = (ChordSpan(0, 2, None), ChordSpan(2, 2, parse_chord("C")))
    assert in_chord(Bar((Note(0, 240, 61), Note(960, 240, 64))), spans) == (1, 1)


def test_parts_are_told_by_program_and_by_how_many_notes_start_together() -> None:
    chord = Bar(tuple(Note(0, 900, pitch) for pitch in (60, 64, 67)))
    line = Bar(tuple(Note(480 * beat, 400, 60 + beat) for beat in range(4)))
    assert part_of(Track((chord,), 0)) == "comping"
    assert part_of(Track((line,), 73)) == "other"
    assert part_of(Track((line,), 33)) == "bass"
    assert part_of(Track((chord,), 0, True)) == "other"
    assert part_of(Track((Bar(),), 0)) == "other"


def test_a_chord_changes_when_the_bar_before_had_another() -> None:
    same, other = (ChordSpan(0, 4, parse_chord("C")),), (ChordSpan(0, 4, parse_chord("F")),)
    score = Score((Track((Bar(), Bar()), 33),))
    assert chord_changes(LiveWindow("x", score, ((0, 1),), (), (), (same, other)))
    assert not chord_changes(LiveWindow("x", score, ((0, 1),), (), (), (same, same)))


def test_what_is_heard_of_a_bar_ends_where_it_has_come_to() -> None:
    bar = Bar((Note(0, 1900, 60), Note(240, 100, 64), Note(480, 100, 67)))
    assert [(note.pitch, note.duration_ticks) for note in _up_to(bar, 480).notes] == [(60, 480), (64, 100)]


def test_the_first_bar_that_fits_is_counted_from_the_change() -> None:
    assert first_fit([1.0, 0.2, 0.8, 0.1]) == 2  # bar 0 cannot know, so its share does not count
    assert first_fit([None, None, None]) == BARS_HEARD + 1
    assert first_fit([0.0] * (BARS_HEARD + 1)) == BARS_HEARD + 1


def test_wrong_guides_are_wrong() -> None:
    names = ("C", "F", "Dm", "G")
    spans = tuple((ChordSpan(0, 4, parse_chord(name)),) for name in names)
    score = Score((Track((Bar(),) * 4, 33),))
    planted = planted_guides(LiveWindow("x", score, ((0, 3),), (), (), spans), Random(1))
    chords = {name: found[0].chord for name, found in planted.items() if found is not None}
    assert planted[NONE] is None
    assert chords[TRUE] == parse_chord("G")
    assert chords[NEIGHBOUR] == parse_chord("Dm")
    assert chords[OTHER] in (parse_chord("C"), parse_chord("F"))
    semitone = chords[SEMITONE]
    assert semitone is not None
    assert semitone.root in (6, 8)
    lasting = LiveWindow("x", score, ((0, 3),), (), (), (spans[0],) * 4)
    assert set(planted_guides(lasting, Random(1))) == {TRUE, NONE, SEMITONE}


def test_a_guide_is_worth_showing_from_where_it_gains_as_much_as_it_loses() -> None:
    assert break_even(true=0.9, wrong=0.3, none=0.6) == pytest.approx(0.5)
    assert break_even(true=0.9, wrong=0.6, none=0.6) == 0
    assert break_even(true=0.5, wrong=0.2, none=0.6) == 1
