"""Songs with more parts than the model can be shown."""

from companion.music import Bar, Note, Score, Track
from companion.session.practice.shown_parts import MAX_PARTS, parts_to_show


def part(notes_a_bar, bars=8, silent=0):
    full = Bar(tuple(Note(index, 1, 60) for index in range(notes_a_bar)))
    return Track((full,) * (bars - silent) + (Bar(),) * silent)


def test_all_where_all_fit():
    assert parts_to_show(Score((part(8), part(4), part(12))), range(3)) == {0, 1, 2}


def test_the_fullest_course_comes_first_and_the_players_own_always():
    score = Score((part(40, silent=4), part(20), part(20, silent=2), part(60)))
    assert parts_to_show(score, range(4)) == {1, 2}
    assert parts_to_show(score, range(4), first=(3,)) == {3}


def test_sixty_four_parts_are_too_many():
    shown = parts_to_show(Score(tuple(part(8) for _ in range(64))), range(64))
    assert 1 <= len(shown) <= MAX_PARTS


def test_a_part_without_notes_costs_nothing():
    assert parts_to_show(Score((part(0),)), [0]) == {0}
