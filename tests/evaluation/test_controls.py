"""Whether a bar has the level asked for, for every attribute that a checkpoint may have."""

from __future__ import annotations

import pytest

from companion.evaluation.measures.controls import LEVELS, applies, held, level_of
from companion.music import Bar, Note, Track
from companion.tokenizer.attributes import NAMES, levels

PIANO, DRUMS = Track((), 0), Track((), 0, True)
TRIAD = Bar(tuple(Note(0, 1920, pitch, 80) for pitch in (60, 64, 67)))  # C major, held for the bar
QUARTERS = Bar(tuple(Note(480 * beat, 480, 60 + beat, 80) for beat in range(4)))  # C C# D Eb


def test_every_attribute_has_levels_to_ask_for() -> None:
    assert set(LEVELS) == set(NAMES)
    for name, asked in LEVELS.items():
        assert all(0 <= level < levels(name) for level in asked)
        assert applies(name, PIANO) != applies(name, DRUMS)


@pytest.mark.parametrize(
    ("name", "bar", "level", "is_held"),
    [
        ("max_polyphony", TRIAD, 2, True),
        ("max_polyphony", TRIAD, 0, False),
        ("bar_min_polyphony", TRIAD, 2, True),
        ("bar_max_polyphony", QUARTERS, 3, False),
        ("max_note_duration", TRIAD, 5, True),
        ("min_note_duration", QUARTERS, 3, True),
        ("min_note_duration", QUARTERS, 0, False),
        ("key_signature", TRIAD, 0, True),  # C major
        ("key_signature", TRIAD, 6, False),  # F# major
        ("key_signature", QUARTERS, 0, False),
        ("pitch_range", TRIAD, 12, True),  # a limit: less is enough
        ("pitch_range", TRIAD, 5, False),
        ("pitch_class_set", TRIAD, 7, True),
        ("pitch_class_set", QUARTERS, 2, False),
        ("silence_proportion", TRIAD, 0, True),
        ("silence_proportion", TRIAD, 6, False),
        ("nomml", QUARTERS, 0, True),
        ("nomml", QUARTERS, 4, False),
    ],
)
def test_a_bar_has_the_level_asked_for(name: str, bar: Bar, level: int, is_held: bool) -> None:
    assert held(name, level, bar, PIANO, 480) is is_held


def test_drums_have_densities_and_a_rest_has_nothing() -> None:
    hats = Bar(tuple(Note(240 * place, 60, 42, 80) for place in range(8)))
    for name in ("note_density", "bar_note_density"):
        level = level_of(name, hats, DRUMS, 480)
        assert level is not None
        assert held(name, level, hats, DRUMS, 480)
        assert not held(name, level + 2, hats, DRUMS, 480)
        assert not held(name, level, Bar(), DRUMS, 480)
        assert level_of(name, hats, PIANO, 480) is None
