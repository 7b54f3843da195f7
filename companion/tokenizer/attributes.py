"""Musical attributes: what a part is like, as a few small levels that also steer generation.

Definitions follow MIDI-GPT (note density; 15 % and 85 % quantiles of polyphony and of note durations).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import accumulate, pairwise

from companion.errors import TokenizerError
from companion.music.quantize import GridNote
from companion.music.score import Score, Track
from companion.tokenizer.token_types import (
    MAX_NOTE_DURATION,
    MAX_POLYPHONY,
    MIN_NOTE_DURATION,
    MIN_POLYPHONY,
    NOTE_DENSITY,
)

SPECS = {spec.name: spec for spec in (NOTE_DENSITY, MIN_POLYPHONY, MAX_POLYPHONY, MIN_NOTE_DURATION, MAX_NOTE_DURATION)}
NAMES = tuple(SPECS)
RANGES = (("min_polyphony", "max_polyphony"), ("min_note_duration", "max_note_duration"))

LOW_QUANTILE, HIGH_QUANTILE = 0.15, 0.85
_DRUM_DENSITY_EDGES = (2, 3, 5, 8, 10, 12, 15, 18, 26)  # mean notes a bar; level = first edge not exceeded
_DURATION_EDGES = ((1, 4), (1, 2), (1, 1), (2, 1), (4, 1))  # quarter notes, as (numerator, denominator)
_LABELS = {
    "note_density": ("sparsest (Q0)", *(f"Q{level}" for level in range(1, 9)), "densest (Q9)"),
    "polyphony": ("1 voice", *(f"{voices} voices" for voices in range(2, 10)), "10+ voices"),
    "note_duration": ("32nd", "16th", "8th", "quarter", "half", "whole"),
}


def levels(name: str) -> int:
    """Number of levels of an attribute; raises TokenizerError for an unknown name."""
    return _spec(name).levels


def labels(name: str) -> tuple[str, ...]:
    """A readable label for every level; raises TokenizerError for an unknown name."""
    return _LABELS[_spec(name).name.removeprefix("min_").removeprefix("max_")]


def density_range(level: int) -> tuple[int, int | None]:
    """Fewest and most notes of a drum bar of this note_density; the top level has no most."""
    fewest = _DRUM_DENSITY_EDGES[level - 1] + 1 if level > 0 else 1
    return fewest, _DRUM_DENSITY_EDGES[level] if level < len(_DRUM_DENSITY_EDGES) else None


def duration_level_starts(resolution: int) -> tuple[int, ...]:
    """Smallest duration of every level in ticks; the last level has no largest."""
    return (1, *_duration_ticks_edges(resolution))


def _spec(name: str):
    try:
        return SPECS[name]
    except KeyError:
        raise TokenizerError(f"unknown attribute {name!r} (known: {', '.join(NAMES)})") from None


def reconcile(known: Mapping[str, int], wanted: Mapping[str, int | None]) -> dict[str, int | None]:
    """The known levels under the wanted ones. A wanted end of a range moves the known other end where they would
    contradict each other, as no music the model has seen does: at most 1 voice leaves no room for at least 3."""
    merged: dict[str, int | None] = {**known, **wanted}
    for low, high in RANGES:
        bottom, top = merged.get(low), merged.get(high)
        if bottom is not None and top is not None and bottom > top:
            if wanted.get(low) is None:
                merged[low] = top
            elif wanted.get(high) is None:
                merged[high] = bottom
    return merged


def compute(score: Score, exclude: Iterable[tuple[int, int]] = ()) -> list[dict[str, int]]:
    """Levels of every track over all its bars, at the score's own resolution.

    exclude: (track, bar) cells whose notes do not count. Melodic tracks get the polyphony and duration attributes, drum
    tracks note_density.
    """
    hidden = frozenset(exclude)
    return [
        compute_track(track, score.resolution, [bar for number, bar in hidden if number == index])
        for index, track in enumerate(score.tracks)
    ]


def compute_track(track: Track, resolution: int, exclude_bars: Iterable[int] = ()) -> dict[str, int]:
    """Levels of one track; see `compute`."""
    hidden = frozenset(exclude_bars)
    rows = [
        [] if index in hidden else [(n.onset_ticks, n.duration_ticks, n.pitch, n.velocity, n.delta) for n in bar.notes]
        for index, bar in enumerate(track.bars)
    ]
    return compute_rows(rows, [bar.length_ticks(resolution) for bar in track.bars], resolution, track.is_drum)


def compute_rows(
    rows: Sequence[Sequence[GridNote]], bar_lengths: Sequence[int], resolution: int, is_drum: bool
) -> dict[str, int]:
    """Levels from bars of note tuples and the bars' lengths in ticks."""
    if is_drum:
        return {"note_density": _density_level(rows)}
    low, high = _duration_levels(rows, resolution)
    thin, thick = _polyphony_levels(rows, bar_lengths)
    return {"min_polyphony": thin, "max_polyphony": thick, "min_note_duration": low, "max_note_duration": high}


def quantile_index(count: int, quantile: float) -> int:
    """Index into a sorted list of `count` values; half-way cases go to the even index."""
    return min(round(count * quantile), count - 1)


def _quantiles(histogram: Sequence[int]) -> tuple[int, int]:
    """The (15 %, 85 %) quantiles of values 0, 1, … given how often each occurs; (0, 0) for none."""
    total = sum(histogram)
    if not total:
        return 0, 0
    found = []
    for index in (quantile_index(total, LOW_QUANTILE), quantile_index(total, HIGH_QUANTILE)):
        found.append(next(value for value, below in enumerate(accumulate(histogram)) if below > index))
    return found[0], found[1]


def _density_level(rows: Sequence[Sequence[GridNote]]) -> int:
    counts = [len(row) for row in rows if row]
    mean = round(sum(counts) / len(counts)) if counts else 0
    return next((level for level, edge in enumerate(_DRUM_DENSITY_EDGES) if mean <= edge), len(_DRUM_DENSITY_EDGES))


@lru_cache(maxsize=16)
def _duration_ticks_edges(resolution: int) -> tuple[int, ...]:
    """Smallest tick count of levels 1..5."""
    return tuple(-(-numerator * resolution // denominator) for numerator, denominator in _DURATION_EDGES)


def _duration_levels(rows: Sequence[Sequence[GridNote]], resolution: int) -> tuple[int, int]:
    first, second, third, fourth, fifth = _duration_ticks_edges(resolution)
    histogram = [0] * 6
    for row in rows:
        for note in row:
            ticks = note[1]
            histogram[
                (ticks >= first) + (ticks >= second) + (ticks >= third) + (ticks >= fourth) + (ticks >= fifth)
            ] += 1
    return _quantiles(histogram)


def _polyphony_levels(rows: Sequence[Sequence[GridNote]], bar_lengths: Sequence[int]) -> tuple[int, int]:
    """Quantiles of the number of sounding notes, over all ticks with sound but the very last one."""
    changes: dict[int, int] = {}
    start = 0
    for row, length in zip(rows, bar_lengths, strict=True):
        for note in row:
            onset = start + note[0]
            end = onset + note[1]
            changes[onset] = changes.get(onset, 0) + 1
            changes[end] = changes.get(end, 0) - 1
        start += length
    if not changes:
        return 0, 0
    times = sorted(changes)
    histogram = [0] * 11
    sounding = 0
    for time, following in pairwise(times):
        sounding += changes[time]
        histogram[min(sounding, 10)] += following - time
    histogram[min(sounding, 10)] -= 1  # the last tick of the piece is never counted
    histogram[0] = 0
    low, high = _quantiles(histogram)
    return max(low, 1) - 1, max(high, 1) - 1
