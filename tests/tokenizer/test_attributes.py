"""Attribute levels equal midigpt's, at both resolutions; excluded cells do not count."""

from __future__ import annotations

import pytest

from companion.errors import TokenizerError
from companion.music import Bar, Note, Score, Track
from companion.music.quantize import GridRounding, regrid
from companion.tokenizer import attributes, measures
from tests import golden

FILES = sorted(golden.load("attributes")["files"])
# midigpt drops the note that rounds onto a bar line, we keep it; and one note at an exact half tick.
OTHERWISE_READ = {"synth/s04_offgrid_1024.mid", "synth/s04_offgrid_960.mid", "synth/s15_early_960.mid"}


@pytest.mark.parametrize("file", [name for name in FILES if name not in OTHERWISE_READ])
def test_files_equal_the_golden_levels(file):
    expected = golden.load("attributes")["files"][file]["yellow"]
    score = golden.read(file)
    assert attributes.compute(score) == expected["at_read_resolution"]
    on_grid = regrid(score, 12, keep_deltas=False, rounding=GridRounding.FLOOR)
    assert attributes.compute(on_grid) == expected["at_model_resolution"]


@pytest.mark.parametrize("file", [name for name in FILES if name not in OTHERWISE_READ])
def test_the_newer_encoders_levels_equal_the_golden_ones(file):
    expected = golden.load("attributes")["files"][file]["expressive_new"]
    specs = golden.config("expressive_new").attributes
    score = golden.read(file)
    assert attributes.compute(score, specs=specs, legacy=True) == expected["at_read_resolution"]
    on_grid = regrid(score, 12, keep_deltas=True, rounding=GridRounding.FLOOR)
    assert attributes.compute(on_grid, specs=specs, legacy=True) == expected["at_model_resolution"]
    for track, bars in zip(on_grid.tracks, expected["bar_level_at_model_resolution"], strict=True):
        for row, bar, levels in zip(attributes.grid_rows(track), track.bars, bars, strict=False):
            found = attributes.compute_bar(row, bar.length_ticks(12), track.is_drum, specs)
            assert {attributes.SPECS[name].token_type.value: level for name, level in found.items()} == levels


def test_silence_is_where_nothing_sounds():
    """midigpt calls nearly every bar but the first silent."""
    specs = (attributes.SPECS["silence_proportion"],)

    def level(*bars, legacy=False):
        track = Track(tuple(Bar(notes) for notes in bars))
        return attributes.compute(Score((track,), 12), specs=specs, legacy=legacy)[0]["silence_proportion"]

    full, half, held = (Note(0, 48, 60),), (Note(0, 24, 60),), (Note(0, 96, 60),)
    assert [level(full, full), level(half, half), level(half, full), level((), ())] == [0, 5, 2, 9]
    assert level(held, ()) == 0  # it still sounds in the second bar
    assert level((*half, Note(12, 24, 64)), full) == 1  # together three quarters of the first bar
    assert level(full, full, legacy=True) == 5


def test_the_key_is_that_of_all_tracks_together():
    def scale(tonic, steps):
        return Track((Bar(tuple(Note(6 * at, 6, tonic + step) for at, step in enumerate(steps))),))

    specs = (attributes.SPECS["key_signature"],)
    major, minor = (0, 2, 4, 5, 7, 9, 11, 12, 7, 0), (0, 2, 3, 5, 7, 8, 11, 12, 7, 0)
    for tonic in range(12):
        score = Score((scale(48 + tonic, major), Track((Bar((Note(0, 1, 48 + tonic),)),))), 12)
        assert [levels["key_signature"] for levels in attributes.compute(score, specs=specs)] == [tonic, tonic]
        score = Score((scale(48 + tonic, minor),), 12)
        assert attributes.compute(score, specs=specs)[0]["key_signature"] == 12 + tonic
    assert attributes.compute(Score((Track((Bar(),)),), 12), specs=specs)[0]["key_signature"] == 24
    assert attributes.labels("key_signature")[9] == "A major"
    assert attributes.labels("key_signature")[21] == "A minor"
    assert attributes.key_pitch_classes(9) == {9, 11, 1, 2, 4, 6, 8}
    assert len(attributes.key_pitch_classes(24)) == 12


def test_unit_vectors():
    unit = golden.load("attributes")["unit"]
    for values, (low, high) in unit["quantile_15_85"]:
        ordered = sorted(values)
        found = [ordered[measures.quantile_index(len(values), q)] if values else 0 for q in (0.15, 0.85)]
        assert found == [low, high]
    for ticks, resolution, level in unit["duration_level"]:
        track = Track((Bar((Note(0, ticks, 60),)),))
        assert attributes.compute_track(track, resolution)["max_note_duration"] == level


def test_drum_density_levels():
    edges = golden.load("attributes")["unit"]["density_edges"]["128"]
    for count in range(40):
        track = Track((Bar(tuple(Note(0, 1, 36) for _ in range(count))),), is_drum=True)
        expected = next(level for level, edge in enumerate(edges) if count <= edge)
        assert attributes.compute_track(track, 12) == {"note_density": expected}


def test_empty_bars_do_not_thin_the_density():
    full = Bar(tuple(Note(tick, 1, 36) for tick in range(6)))
    assert attributes.compute_track(Track((full, Bar(), Bar()), is_drum=True), 12) == {"note_density": 3}


def test_excluded_cells_leave_no_trace():
    loud = Bar(tuple(Note(0, 48, pitch) for pitch in range(60, 68)))
    plain = Bar((Note(0, 12, 60), Note(12, 12, 62)))
    score = Score((Track((plain, loud)), Track((plain, loud))), 12)
    without = Score((Track((plain, Bar())), Track((plain, loud))), 12)
    assert attributes.compute(score, exclude=[(0, 1)]) == attributes.compute(without)
    assert attributes.compute(score) != attributes.compute(without)


def test_labels_and_levels():
    for name in attributes.NAMES:
        assert len(attributes.labels(name)) == attributes.levels(name)
    assert attributes.labels("max_polyphony")[:2] == ("1 voice", "2 voices")
    assert attributes.labels("min_note_duration")[2] == "8th"
    assert attributes.labels("note_density")[9] == "densest (Q9)"
    with pytest.raises(TokenizerError, match="groove"):
        attributes.labels("groove")
