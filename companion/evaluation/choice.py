"""Measures what it brings to choose each part's bar among several takes, and what it costs in time.

Held-out windows with the player's bar hidden and no chords given: the written bars are compared with what everybody else really
played. The takes of a bar differ in
their random numbers only, and the first take is the bar that would be written without a choice.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

from companion.evaluation.infill import Averages, Player, blank
from companion.evaluation.measures import bars as measures
from companion.evaluation.measures.intervals import mean, median
from companion.evaluation.progress import Progress, counted
from companion.evaluation.report import EvaluationOptions
from companion.evaluation.windows import Cell, LiveWindow, draw_windows, load_split
from companion.inference.checkpoints.files import load_checkpoint
from companion.inference.engine import InferenceEngine
from companion.music import Bar

COUNTS = (1, 2, 4)  # takes
Values = dict[str, float | None]
Unchosen = dict[tuple[int, Cell], Values]  # by window and cell


def evaluate_choice(path: Path, options: EvaluationOptions, progress: Progress) -> dict[str, Any]:
    """For each number of takes: measures of held-out bars with their intervals, and the seconds that a part's bar took."""
    progress.begin("reading music")
    held_out = load_split(options.data, options.split, options.cache, options.files)
    windows = draw_windows(held_out, options.windows, options.bars, options.seed)
    without: Unchosen = {}
    player = Player(InferenceEngine.from_checkpoint(path, engine=options.engine))
    return {
        "checkpoint": path.stem,
        "split": options.split,
        "parameters": load_checkpoint(path).config.parameters,
        "windows": len(windows),
        "takes": {str(takes): _held_out(player, windows, takes, without, options.seed, progress) for takes in COUNTS},
        "failed_requests": player.failures,
    }


def _held_out(
    player: Player, windows: Sequence[LiveWindow], takes: int, without: Unchosen, seed: int, progress: Progress
) -> dict[str, Any]:
    """without: the measures of each bar with one take, filled in by the first call; NAME_gain is the mean difference from these."""
    sums, seconds = Averages(), list[float]()
    for number, window in enumerate(counted(progress, f"{takes} takes", windows)):
        begun = perf_counter()
        written = player.write(blank(window), window.targets, window.hidden, seed + number, takes=takes)
        seconds.append((perf_counter() - begun) / len(window.targets))
        for cell in window.targets:
            values = _measured(window, cell, written)
            sums.add(number, **values)
            plain = without.setdefault((number, cell), values)
            sums.add(number, **{f"{name}_gain": _gain(values[name], plain[name]) for name in values})
    figures = {name: figure.to_dict() for name, figure in sums.figures().items()}
    for name, figure in (("seconds_mean", mean(seconds)), ("seconds_median", median(seconds))):
        if figure is not None:
            figures[name] = figure.to_dict()
    return figures


def _gain(value: float | None, plain: float | None) -> float | None:
    return None if value is None or plain is None else value - plain


def _measured(window: LiveWindow, cell: Cell, written: dict[Cell, Bar]) -> Values:
    """Measures of one written bar. pitch_class_overlap: with what all others really played, the player's hidden bar included."""
    track, at = cell
    bar, resolution = written[cell], window.score.resolution
    drum = window.score.tracks[track].is_drum
    before = {(note.onset_ticks, note.pitch) for note in window.score.tracks[track].bars[at - 1].notes}
    again = [(note.onset_ticks, note.pitch) in before for note in bar.notes]
    return {
        "pitch_class_overlap": None if drum else measures.pitch_class_overlap(bar, window.beside(cell)),
        "onset_f1": measures.onset_f1(bar, window.truth(cell), resolution),
        "groove_similarity": measures.groove_similarity(bar, window.score.tracks[track].bars[:at], resolution),
        "rest_rate": float(not bar.notes),
        "as_the_bar_before": sum(again) / len(again) if again else None,
    }


MEASURES = ("pitch_class_overlap", "onset_f1", "groove_similarity", "rest_rate", "as_the_bar_before", "seconds_median")


def choice_lines(report: dict[str, Any]) -> Iterator[str]:
    """The report for a reader."""
    yield (
        f"{report['checkpoint']} · {report['parameters'] / 1e6:.1f} M parameters · split {report['split']} · "
        f"{report['windows']} windows; in brackets 95 % intervals"
    )
    yield f"{'takes':<6}" + "".join(f"{name:>24}" for name in MEASURES)
    for takes, row in report["takes"].items():
        yield f"{takes:<6}" + "".join(f"{_shown(row.get(name)):>24}" for name in MEASURES)
        if takes != "1":
            yield f"{'gain':>6}" + "".join(f"{_shown(row.get(f'{name}_gain')):>24}" for name in MEASURES)


def _shown(row: dict[str, Any] | None) -> str:
    return "-" if row is None else f"{row['value']:.3f} ({row['low']:.3f} to {row['high']:.3f})"
