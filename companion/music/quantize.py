"""Moves notes from one grid to another: onsets and ends go to the nearest tick, and what an onset loses is kept as a delta.

A note that rounds onto its bar's end belongs to the next bar, at onset 0. `GridRounding.FLOOR` is midigpt's way
(down, never up; deltas never negative; nothing moves to the next bar) and serves comparisons with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from enum import Enum

from companion.music.score import Bar, Note, Score, Track

# (onset_ticks, duration_ticks, pitch, velocity, delta): a note as a plain tuple, for loops that run for every note.
GridNote = tuple[int, int, int, int, int]


class GridRounding(str, Enum):
    """How an onset between two grid lines is placed."""

    NEAREST = "nearest"
    FLOOR = "floor"


def grid_bar(
    bar: Bar, source: int, target: int, *, keep_deltas: bool, rounding: GridRounding = GridRounding.NEAREST
) -> tuple[list[GridNote], list[GridNote]]:
    """The notes of one bar on another grid.

    source, target: ticks a quarter. keep_deltas: fill in delta (1/target of a target tick, signed) instead of 0.
    Returns (notes of this bar, notes that belong to a later bar, with onsets counted from the next bar line).
    """
    if rounding is GridRounding.FLOOR:
        return _floor_bar(bar, source, target, keep_deltas), []
    inside: list[GridNote] = []
    carried: list[GridNote] = []
    length = bar.length_ticks(target)
    unit = source * source  # exact onset in target ticks = target·(onset·source + delta) / source²
    for note in bar.notes:
        if source == target:
            onset, duration, delta = note.onset_ticks, note.duration_ticks, note.delta if keep_deltas else 0
        else:
            exact = target * (note.onset_ticks * source + note.delta)
            nearest = (2 * exact + unit) // (2 * unit)
            end = (2 * (exact + target * source * note.duration_ticks) + unit) // (2 * unit)
            duration = max(1, end - nearest)
            onset = max(0, nearest)  # before the bar line only by its delta
            delta = (2 * target * (exact - onset * unit) + unit) // (2 * unit) if keep_deltas else 0
        if onset < length:
            inside.append((onset, duration, note.pitch, note.velocity, delta))
        else:
            carried.append((onset - length, duration, note.pitch, note.velocity, delta))
    return inside, carried


def grid_track(
    bars: Sequence[Bar], source: int, target: int, *, keep_deltas: bool, rounding: GridRounding = GridRounding.NEAREST
) -> list[list[GridNote]]:
    """Every bar's notes on another grid; a note is never lost: past the last bar it stays on that bar's last tick."""
    rows: list[list[GridNote]] = []
    arriving: list[GridNote] = []
    for bar in bars:
        inside, carried = grid_bar(bar, source, target, keep_deltas=keep_deltas, rounding=rounding)
        if arriving:
            inside, arriving = settle(arriving, inside, bar.length_ticks(target))
        rows.append(inside)
        arriving += carried
    if arriving:
        rows[-1] += clamp_to_end(arriving, bars[-1].length_ticks(target))
    return rows


def settle(
    arriving: Sequence[GridNote], inside: Sequence[GridNote], length: int
) -> tuple[list[GridNote], list[GridNote]]:
    """Put the notes that arrive from earlier bars before a bar's own.

    Returns (notes of this bar, arriving notes that lie even beyond it).
    """
    here = [note for note in arriving if note[0] < length]
    beyond = [(note[0] - length, *note[1:]) for note in arriving if note[0] >= length]
    return [*here, *inside], beyond


def clamp_to_end(arriving: Sequence[GridNote], length: int) -> list[GridNote]:
    """Notes without a next bar, placed on the last tick of the bar that they left."""
    return [(max(0, length - 1), *note[1:4], 0) for note in arriving]


def regrid(
    score: Score, resolution: int, *, keep_deltas: bool = True, rounding: GridRounding = GridRounding.NEAREST
) -> Score:
    """The score on a grid of `resolution` ticks a quarter; the same object when it is there already."""
    if score.resolution == resolution:
        return score
    return replace(score, resolution=resolution, tracks=tuple(
        _regrid_track(track, score.resolution, resolution, keep_deltas, rounding) for track in score.tracks
    ))  # fmt: skip


def _regrid_track(track: Track, source: int, target: int, keep_deltas: bool, rounding: GridRounding) -> Track:
    rows = grid_track(track.bars, source, target, keep_deltas=keep_deltas, rounding=rounding)
    bars = (
        Bar(tuple(Note(*note) for note in row), bar.time_signature) for row, bar in zip(rows, track.bars, strict=True)
    )
    return replace(track, bars=tuple(bars))


def _floor_bar(bar: Bar, source: int, target: int, keep_deltas: bool) -> list[GridNote]:
    """midigpt 0.4.2's conversion, in its own floating-point terms; a bar on the grid already is left alone."""
    if source == target:
        return [(n.onset_ticks, n.duration_ticks, n.pitch, n.velocity, n.delta) for n in bar.notes]
    notes: list[GridNote] = []
    for note in bar.notes:
        duration = max(1, target * note.duration_ticks // source)
        if keep_deltas:
            position = (note.onset_ticks + note.delta / source) * target / source
            onset = max(0, int(position // 1))
            notes.append((onset, duration, note.pitch, note.velocity, round((position - onset) * target)))
        else:
            notes.append((target * note.onset_ticks // source, duration, note.pitch, note.velocity, 0))
    return notes
