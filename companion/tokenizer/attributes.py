"""Musical attributes: small levels that describe a part or a bar and also steer generation.

This module holds the catalogue of names, levels and labels, and computes the levels of whole tracks and bars; `measures` does the
measuring. Definitions follow MIDI-GPT. Per track: note density, 15 % and 85 % quantiles of polyphony and of note durations, key
by correlation with key profiles, pitch range, share of silence, and median metric depth of the onsets. Per bar: density,
polyphony and the number of pitch classes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from companion.errors import TokenizerError
from companion.music.quantize import GridNote
from companion.music.score import Score, Track
from companion.tokenizer import measures
from companion.tokenizer.token_types import ATTRIBUTES, AttributeSpec

SPECS = ATTRIBUTES
NAMES = tuple(SPECS)
BASIC = tuple(SPECS[name] for name in NAMES[:5])  # the attributes of every published encoder of the first generation
RANGES = (
    ("min_polyphony", "max_polyphony"),
    ("min_note_duration", "max_note_duration"),
    ("bar_min_polyphony", "bar_max_polyphony"),
)
_PITCH_NAMES = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
_DENSITIES = ("sparsest (Q0)", *(f"Q{level}" for level in range(1, 9)), "densest (Q9)")
_VOICES = ("1 voice", *(f"{voices} voices" for voices in range(2, 10)), "10+ voices")
_DURATIONS = ("32nd", "16th", "8th", "quarter", "half", "whole")
_LABELS: dict[str, tuple[str, ...]] = {
    "note_density": _DENSITIES,
    "min_polyphony": _VOICES,
    "max_polyphony": _VOICES,
    "min_note_duration": _DURATIONS,
    "max_note_duration": _DURATIONS,
    "key_signature": (*(f"{name} {mode}" for mode in ("major", "minor") for name in _PITCH_NAMES), "no key"),
    "pitch_range": ("1 pitch", *(f"{width} semitone{'s' * (width > 1)}" for width in range(1, 128))),
    "silence_proportion": ("sounds throughout", *(f"{10 * level} % silent" for level in range(1, 10))),
    "nomml": (
        *("on the beat", "2/3 of a beat", "1/2 beat", "1/3 beat", "1/4 beat", "1/6 beat", "1/8 beat"),
        *("1/12 beat", "1/16 beat", "1/24 beat", "1/32 beat", "1/48 beat", "off every grid"),
    ),
    "bar_note_density": _DENSITIES,
    "bar_min_polyphony": _VOICES,
    "bar_max_polyphony": _VOICES,
    "pitch_class_set": ("no notes", "1 pitch class", *(f"{count} pitch classes" for count in range(2, 13))),
}
_MINOR = 12
_SCALES = ((0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10, 11))


def levels(name: str) -> int:
    """Number of levels of an attribute; raises TokenizerError for an unknown name."""
    return _spec(name).levels


def labels(name: str) -> tuple[str, ...]:
    """A readable label for every level; raises TokenizerError for an unknown name."""
    return _LABELS[_spec(name).name]


def density_range(level: int) -> tuple[int, int | None]:
    """The smallest and largest number of notes of a drum bar at this note_density; the top level has no largest."""
    edges = measures.DRUM_DENSITY_EDGES
    fewest = edges[level - 1] + 1 if level > 0 else 1
    return fewest, edges[level] if level < len(edges) else None


def duration_level_starts(resolution: int) -> tuple[int, ...]:
    """Smallest duration of every level in ticks; the last level has no largest."""
    return (1, *measures.duration_ticks_edges(resolution))


def key_pitch_classes(level: int) -> frozenset[int]:
    """The pitch classes of a key's scale, 0 = C. A minor key has both sevenths; "no key" has all twelve pitch classes."""
    if not 0 <= level < measures.NO_KEY:
        return frozenset(range(12))
    return frozenset((level + step) % 12 for step in _SCALES[level >= _MINOR])


def _spec(name: str) -> AttributeSpec:
    try:
        return SPECS[name]
    except KeyError:
        raise TokenizerError(f"unknown attribute {name!r} (known: {', '.join(NAMES)})") from None


def reconcile(known: Mapping[str, int], wanted: Mapping[str, int | None]) -> dict[str, int | None]:
    """The known levels, overridden by the wanted ones.

    If the wanted end of a range contradicts the known other end, the known end is moved. Otherwise the levels would describe
    music that cannot exist and that the model has never seen, such as at most 1 voice and at least 3.
    """
    merged: dict[str, int | None] = {**known, **wanted}
    for low, high in RANGES:
        bottom, top = merged.get(low), merged.get(high)
        if bottom is not None and top is not None and bottom > top:
            if wanted.get(low) is None:
                merged[low] = top
            elif wanted.get(high) is None:
                merged[high] = bottom
    return merged


_OF_BAR = {
    "note_density": "bar_note_density",
    "min_polyphony": "bar_min_polyphony",
    "max_polyphony": "bar_max_polyphony",
}


def for_bars(levels: Mapping[str, int | None]) -> dict[str, int | None]:
    """The levels that apply to one bar of a track. A level of the bar replaces the track's level of the same kind."""
    ours = {name: levels.get(of_bar) for name, of_bar in _OF_BAR.items()}
    return {**levels, **{name: level for name, level in ours.items() if level is not None}}


def compute(
    score: Score,
    exclude: Iterable[tuple[int, int]] = (),
    specs: Sequence[AttributeSpec] = BASIC,
    legacy: bool = False,
) -> list[dict[str, int]]:
    """Levels of every track over all its bars, at the score's own resolution.

    exclude: (track, bar) cells whose notes do not count. specs: the attributes to compute; per-bar ones are ignored. The key is
    that of all tracks together. Each track gets the attributes of its kind. legacy: see `compute_rows`.
    """
    hidden = frozenset(exclude)
    rows_of = [
        grid_rows(track, [bar for number, bar in hidden if number == index]) for index, track in enumerate(score.tracks)
    ]
    key = measures.key_level(measures.pitch_class_ticks([row for rows in rows_of for row in rows]))
    return [
        compute_rows(
            rows,
            _bar_lengths(track, score.resolution),
            score.resolution,
            track.is_drum,
            specs=specs,
            key=key,
            legacy=legacy,
        )
        for rows, track in zip(rows_of, score.tracks, strict=True)
    ]


def compute_track(
    track: Track, resolution: int, exclude_bars: Iterable[int] = (), specs: Sequence[AttributeSpec] = BASIC
) -> dict[str, int]:
    """Levels of one track alone; see `compute`."""
    rows = grid_rows(track, exclude_bars)
    key = measures.key_level(measures.pitch_class_ticks(rows))
    return compute_rows(rows, _bar_lengths(track, resolution), resolution, track.is_drum, specs=specs, key=key)


def grid_rows(track: Track, exclude_bars: Iterable[int] = ()) -> list[list[GridNote]]:
    """The bars' notes as tuples; excluded bars are empty."""
    hidden = frozenset(exclude_bars)
    return [
        [] if index in hidden else [(n.onset_ticks, n.duration_ticks, n.pitch, n.velocity, n.delta) for n in bar.notes]
        for index, bar in enumerate(track.bars)
    ]


def _bar_lengths(track: Track, resolution: int) -> list[int]:
    return [bar.length_ticks(resolution) for bar in track.bars]


def compute_rows(
    rows: Sequence[Sequence[GridNote]],
    bar_lengths: Sequence[int],
    resolution: int,
    is_drum: bool,
    *,
    specs: Sequence[AttributeSpec] = BASIC,
    key: int = measures.NO_KEY,
    legacy: bool = False,
) -> dict[str, int]:
    """Levels of one track from its bars of note tuples and the bars' lengths in ticks; see `compute`.

    key: level of key_signature, which is determined from all tracks together. legacy: midigpt's faulty silence_proportion.
    """
    wanted = {spec.name for spec in specs if not spec.per_bar and spec.applies_to(is_drum)}
    found: dict[str, int] = {}
    if "note_density" in wanted:
        found["note_density"] = measures.density_level(rows)
    if wanted & {"min_polyphony", "max_polyphony"}:
        found["min_polyphony"], found["max_polyphony"] = measures.polyphony_levels(rows, bar_lengths)
    if wanted & {"min_note_duration", "max_note_duration"}:
        found["min_note_duration"], found["max_note_duration"] = measures.duration_levels(rows, resolution)
    if "pitch_range" in wanted:
        found["pitch_range"] = measures.pitch_range(rows)
    if "silence_proportion" in wanted:
        silence = measures.faulty_silence_level if legacy else measures.silence_level
        found["silence_proportion"] = silence(rows, bar_lengths)
    if "nomml" in wanted:
        found["nomml"] = measures.metric_depth(rows, resolution)
    if "key_signature" in wanted:
        found["key_signature"] = key
    return {name: level for name, level in found.items() if name in wanted}


def compute_bar(
    row: Sequence[GridNote], bar_length: int, is_drum: bool, specs: Sequence[AttributeSpec] = tuple(SPECS.values())
) -> dict[str, int]:
    """Levels of one bar from its note tuples and its length in ticks, for the per-bar `specs` that apply to the track's kind."""
    wanted = {spec.name for spec in specs if spec.per_bar and spec.applies_to(is_drum)}
    found: dict[str, int] = {}
    if "bar_note_density" in wanted:
        found["bar_note_density"] = measures.density_level([row])
    if wanted & {"bar_min_polyphony", "bar_max_polyphony"}:
        found["bar_min_polyphony"], found["bar_max_polyphony"] = measures.bar_polyphony_levels(row, bar_length)
    if "pitch_class_set" in wanted:
        found["pitch_class_set"] = measures.pitch_class_count(row)
    return {name: level for name, level in found.items() if name in wanted}
