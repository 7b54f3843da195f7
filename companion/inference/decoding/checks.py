"""Checks whether a candidate is worth keeping. Silence and novelty are judged on the model's grid."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence

from companion.inference.requests.planner import Cell
from companion.inference.requests.request import InferenceConfig
from companion.music.quantize import GridNote, grid_track
from companion.music.score import Bar, Note, Score


def rejection_reason(
    before: Score, after: Score, targets: Collection[Cell], config: InferenceConfig, model_resolution: int
) -> str | None:
    """The reason to generate the bars again, or None.

    before, after: scores that differ in the targets' bars only. silence_check: reject when no target has a note (off with
    allow_rests). novelty_check: reject when the pitches and onsets are the same as before; with a threshold below 1.0, that
    share of them is enough. Bars that were empty before are not compared.
    """
    new = _events(after, targets, model_resolution)
    if config.silence_check and not config.allow_rests and not new:
        return "silence"
    old = _events(before, targets, model_resolution)
    if not config.novelty_check or not old:
        return None
    if config.novelty_threshold >= 1.0:
        return "unchanged" if new == old else None
    shared, union = set(new) & set(old), set(new) | set(old)
    return "too similar" if len(shared) / len(union) >= config.novelty_threshold else None


def _events(score: Score, cells: Collection[Cell], resolution: int) -> Counter[tuple[int, int, int, int]]:
    """(track, bar, pitch, onset) of every note in the cells, on a grid of `resolution`."""
    found: Counter[tuple[int, int, int, int]] = Counter()
    for track in {cell[0] for cell in cells}:
        rows = grid_track(score.tracks[track].bars, score.resolution, resolution, keep_deltas=False)
        for number in sorted(bar for t, bar in cells if t == track):
            found.update(_row_events(track, number, rows[number]))
    return found


def _row_events(track: int, bar: int, row: Sequence[GridNote]) -> Iterable[tuple[int, int, int, int]]:
    return ((track, bar, pitch, onset) for onset, _, pitch, _, _ in row)


def place_bars(score: Score, bars: Mapping[Cell, Sequence[Note]]) -> Score:
    """The score with the notes of these cells replaced. Every other bar is the same object as before."""
    for (track, number), notes in bars.items():
        old = score.tracks[track]
        bar = Bar(tuple(sorted(notes, key=lambda note: note.onset_ticks)), old.bars[number].time_signature)
        score = score.with_track(track, old.with_bar(number, bar))
    return score
