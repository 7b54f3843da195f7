"""Measures music: the level of every attribute, from bars of notes on a grid.

A bar is a sequence of (onset, duration, pitch, velocity, delta) in ticks from its bar line. All arithmetic is in whole numbers, so
equal music has equal levels on every machine. Definitions follow MIDI-GPT; `attributes` explains the levels.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import accumulate, pairwise
from math import lcm
from operator import mul

from companion.music.quantize import GridNote

Row = Sequence[GridNote]

LOW_QUANTILE, HIGH_QUANTILE = 0.15, 0.85
# Mean notes per bar; the level is the first edge that is not exceeded.
DRUM_DENSITY_EDGES = (2, 3, 5, 8, 10, 12, 15, 18, 26)
DURATION_EDGES = ((1, 4), (1, 2), (1, 1), (2, 1), (4, 1))  # quarter notes, as (numerator, denominator)
# Krumhansl and Kessler's (1982) ratings of the twelve pitch classes in C major and C minor, in hundredths.
MAJOR_PROFILE = (635, 223, 348, 233, 438, 409, 252, 519, 239, 366, 229, 288)
MINOR_PROFILE = (633, 268, 352, 538, 260, 353, 254, 475, 398, 269, 334, 317)
NO_KEY = 24
# Fractions of a quarter note, coarsest first. An onset's depth is the first fraction of which it is a multiple.
METRIC_PARTS = ((1, 1), (2, 3), (1, 2), (1, 3), (1, 4), (1, 6), (1, 8), (1, 12), (1, 16), (1, 24), (1, 32), (1, 48))
DEEPEST = len(METRIC_PARTS)
_WIDEST_RANGE = 127
_SILENCE_LEVELS = 10
_MOST_VOICES = 10


def quantile_index(count: int, quantile: float) -> int:
    """Index into a sorted list of `count` values; half-way cases go to the even index."""
    return min(round(count * quantile), count - 1)


def quantiles(histogram: Sequence[int]) -> tuple[int, int]:
    """The (15 %, 85 %) quantiles of values 0, 1, … given how often each occurs; (0, 0) for none."""
    total = sum(histogram)
    if not total:
        return 0, 0
    found = []
    for index in (quantile_index(total, LOW_QUANTILE), quantile_index(total, HIGH_QUANTILE)):
        found.append(next(value for value, below in enumerate(accumulate(histogram)) if below > index))
    return found[0], found[1]


def density_level(rows: Sequence[Row]) -> int:
    """Level of the mean number of notes in the bars that have any."""
    counts = [len(row) for row in rows if row]
    mean = round(sum(counts) / len(counts)) if counts else 0
    return next((level for level, edge in enumerate(DRUM_DENSITY_EDGES) if mean <= edge), len(DRUM_DENSITY_EDGES))


@lru_cache(maxsize=16)
def duration_ticks_edges(resolution: int) -> tuple[int, ...]:
    """Smallest tick count of the duration levels 1..5."""
    return tuple(-(-numerator * resolution // denominator) for numerator, denominator in DURATION_EDGES)


def duration_levels(rows: Sequence[Row], resolution: int) -> tuple[int, int]:
    """The 15 % and 85 % quantiles of the notes' duration levels."""
    first, second, third, fourth, fifth = duration_ticks_edges(resolution)
    histogram = [0] * 6
    for row in rows:
        for note in row:
            ticks = note[1]
            histogram[
                (ticks >= first) + (ticks >= second) + (ticks >= third) + (ticks >= fourth) + (ticks >= fifth)
            ] += 1
    return quantiles(histogram)


def polyphony_levels(rows: Sequence[Row], bar_lengths: Sequence[int]) -> tuple[int, int]:
    """Quantiles of the number of sounding notes, over all ticks with sound except the very last one."""
    changes: dict[int, int] = {}
    start = 0
    for row, length in zip(rows, bar_lengths, strict=True):
        for note in row:
            onset = start + note[0]
            end = onset + note[1]
            changes[onset] = changes.get(onset, 0) + 1
            changes[end] = changes.get(end, 0) - 1
        start += length
    return _voice_levels(changes, left_out=1)


def bar_polyphony_levels(row: Row, bar_length: int) -> tuple[int, int]:
    """The same quantiles for one bar. Its notes are cut at its end, and its very last tick is not counted."""
    changes: dict[int, int] = {}
    for note in row:
        onset, end = note[0], min(note[0] + note[1], bar_length - 1)
        if onset < end:
            changes[onset] = changes.get(onset, 0) + 1
            changes[end] = changes.get(end, 0) - 1
    return _voice_levels(changes, left_out=0)


def _voice_levels(changes: dict[int, int], left_out: int) -> tuple[int, int]:
    """changes: the change in the number of voices at each tick. left_out: ticks at the end that are not counted."""
    histogram = [0] * (_MOST_VOICES + 1)
    sounding = 0
    for time, following in pairwise(sorted(changes)):
        sounding += changes[time]
        histogram[min(sounding, _MOST_VOICES)] += following - time
    if changes:
        histogram[min(sounding, _MOST_VOICES)] -= left_out
    histogram[0] = 0
    low, high = quantiles(histogram)
    return max(low, 1) - 1, max(high, 1) - 1


def pitch_range(rows: Sequence[Row]) -> int:
    """Semitones from the lowest to the highest note, at most 127; 0 for none."""
    pitches = [note[2] for row in rows for note in row]
    return min(max(pitches) - min(pitches), _WIDEST_RANGE) if pitches else 0


def pitch_class_count(row: Row) -> int:
    """The number of different pitch classes in a bar, 0 to 12."""
    return len({note[2] % 12 for note in row})


def pitch_class_ticks(rows: Sequence[Row]) -> list[int]:
    """The ticks for which each of the twelve pitch classes sounds. Every note is counted separately."""
    ticks = [0] * 12
    for row in rows:
        for note in row:
            ticks[note[2] % 12] += note[1]
    return ticks


def key_level(ticks: Sequence[int]) -> int:
    """The key whose profile fits the pitch classes' ticks best: 0-11 C to B major, 12-23 C to B minor, 24 for no notes."""
    if not any(ticks):
        return NO_KEY
    fits = [
        sum(map(mul, ticks, profile[12 - tonic : 24 - tonic]))
        for profile in (MAJOR_PROFILE * 2, MINOR_PROFILE * 2)
        for tonic in range(12)
    ]
    return fits.index(max(fits))


def silence_level(rows: Sequence[Row], bar_lengths: Sequence[int]) -> int:
    """The mean share of each bar in which the track is silent, in tenths. Held notes sound past their bar line."""
    starts = list(accumulate(bar_lengths, initial=0))
    sounding = _merged(
        (start + note[0], start + note[0] + note[1]) for row, start in zip(rows, starts, strict=False) for note in row
    )
    shares = []
    at = 0
    for start, length in zip(starts, bar_lengths, strict=False):
        end = start + length
        heard = 0
        while at < len(sounding) and sounding[at][0] < end:
            heard += max(min(sounding[at][1], end) - max(sounding[at][0], start), 0)
            if sounding[at][1] > end:
                break
            at += 1
        shares.append((length - heard, length))
    return _tenths(shares)


def faulty_silence_level(rows: Sequence[Row], bar_lengths: Sequence[int]) -> int:
    """The silence level as midigpt 0.4.2 computes it.

    midigpt compares onsets counted from the bar line with bars counted from the first bar, so nearly every bar except the first
    counts as silent.
    """
    starts = accumulate(bar_lengths, initial=0)
    shares = [
        (length - _covered([(note[0], note[0] + note[1]) for note in row], start, start + length), length)
        for row, start, length in zip(rows, starts, bar_lengths, strict=False)
    ]
    return _tenths(shares)


def metric_depth(rows: Sequence[Row], resolution: int) -> int:
    """The median metric depth of the onsets: 0 on the beat, more for finer divisions, 12 off all METRIC_PARTS or without notes."""
    depths = sorted(_depth(note[0], resolution) for row in rows for note in row)
    if not depths:
        return DEEPEST
    middle = len(depths) // 2
    return depths[middle] if len(depths) % 2 else (depths[middle - 1] + depths[middle]) // 2


@lru_cache(maxsize=4096)
def _depth(onset: int, resolution: int) -> int:
    parts = enumerate(METRIC_PARTS)
    return next((depth for depth, (beats, of) in parts if onset * of % (beats * resolution) == 0), DEEPEST)


def _covered(spans: Sequence[tuple[int, int]], start: int, end: int) -> int:
    """Ticks of [start, end) that at least one span covers."""
    return sum(max(min(last, end) - max(first, start), 0) for first, last in _merged(spans))


def _merged(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """The spans in order. Those that overlap or touch are merged."""
    found: list[tuple[int, int]] = []
    for first, last in sorted(spans):
        if found and first <= found[-1][1]:
            if last > found[-1][1]:
                found[-1] = (found[-1][0], last)
        else:
            found.append((first, last))
    return found


def _tenths(shares: Sequence[tuple[int, int]]) -> int:
    """floor(10 × the mean of the (part, whole) shares), at most 9, in exact arithmetic."""
    if not shares:
        return 0
    whole = lcm(*(whole for _, whole in shares))
    total = sum(part * (whole // of) for part, of in shares)
    return min(10 * total // (whole * len(shares)), _SILENCE_LEVELS - 1)
