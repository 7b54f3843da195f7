"""Whether a written bar has the level that was asked for, for every attribute that a checkpoint can be asked for. Pure.

Most levels are measured on the bar itself and count as held when they are the level asked for, ±1. A key is held when nine tenths of
the notes are in its scale, because one bar of one part seldom decides its key. A range and a number of pitch classes are limits, so
less counts as held too.
"""

from __future__ import annotations

from dataclasses import replace

from companion.music import Bar, Track
from companion.tokenizer.attributes import SPECS, compute_bar, compute_track, grid_rows, key_pitch_classes

IN_KEY = 0.9  # share of a bar's notes
NEAR = 1  # levels
LIMITS = ("pitch_range", "pitch_class_set")

# The levels asked for: those that music has. A key is asked for on every third tonic, in major and in minor.
LEVELS: dict[str, tuple[int, ...]] = {
    "note_density": tuple(range(10)),
    "min_polyphony": (0, 1, 2, 3),
    "max_polyphony": (0, 1, 2, 3, 4),
    "min_note_duration": (0, 1, 2, 3, 4),
    "max_note_duration": (1, 2, 3, 4, 5),
    "key_signature": (0, 3, 6, 9, 12, 15, 18, 21),
    "pitch_range": (5, 12, 19, 24),
    "silence_proportion": (0, 2, 4, 6),
    "nomml": (0, 2, 4),
    "bar_note_density": (0, 2, 4, 6, 8),
    "bar_min_polyphony": (0, 1, 2, 3),
    "bar_max_polyphony": (0, 1, 2, 3, 4),
    "pitch_class_set": (1, 2, 3, 5, 7),
}


def applies(name: str, track: Track) -> bool:
    """Whether the attribute is measured on tracks of this kind. One that drums and others have is measured on the others."""
    return (SPECS[name].tracks == "drum") == track.is_drum


def held(name: str, level: int, bar: Bar, track: Track, resolution: int) -> bool:
    """Whether a bar of a track has the level asked for. A bar of rest holds nothing."""
    if not bar.notes:
        return False
    if name == "key_signature":
        scale = key_pitch_classes(level)
        return sum(note.pitch % 12 in scale for note in bar.notes) >= IN_KEY * len(bar.notes)
    measured = level_of(name, bar, track, resolution)
    if measured is None:
        return False
    return measured <= level + NEAR if name in LIMITS else abs(measured - level) <= NEAR


def level_of(name: str, bar: Bar, track: Track, resolution: int) -> int | None:
    """The level of one bar taken by itself; None if a track of this kind does not have the attribute."""
    spec = SPECS[name]
    alone = replace(track, bars=(bar,))
    if spec.per_bar:
        return compute_bar(grid_rows(alone)[0], bar.length_ticks(resolution), track.is_drum, (spec,)).get(name)
    return compute_track(alone, resolution, specs=(spec,)).get(name)
