"""Pictures of an evaluation: piano rolls of context, hidden, generated and true bars, and the numbers as bars."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from companion.errors import UsageError
from companion.evaluation.windows import Cell, LiveWindow
from companion.music import Bar
from companion.music.instruments import program_name

COLORS = {"context": "0.45", "hidden": "tab:orange", "generated": "tab:blue", "true": "tab:green"}


def draw(path: Path, window: LiveWindow, written: dict[Cell, Bar], report: dict[str, Any]) -> None:
    """Write a PNG. Raises UsageError if matplotlib (the `train` extra) is not installed."""
    try:
        import matplotlib
    except ImportError:
        raise UsageError("--plot needs matplotlib: pip install 'companion[train]'") from None
    matplotlib.use("Agg")
    from matplotlib import pyplot
    from matplotlib.patches import Patch

    tracks = window.score.tracks
    figure, axes = pyplot.subplots(len(tracks) + 1, 1, figsize=(11, 1.7 * len(tracks) + 3), dpi=90)
    for index, track in enumerate(tracks):
        axis = axes[index]
        start = 0.0
        for number, bar in enumerate(track.bars):
            cell, length = (index, number), float(bar.time_signature.beats)
            if cell in written:
                _notes(axis, written[cell], start, window.score.resolution, COLORS["generated"])
                axis.axvspan(start, start + length, color=COLORS["generated"], alpha=0.08)
                start += length
                _notes(axis, window.truth(cell), start, window.score.resolution, COLORS["true"])
            else:
                hidden = cell in window.hidden
                _notes(axis, bar, start, window.score.resolution, COLORS["hidden" if hidden else "context"])
            axis.axvline(start, color="0.85", linewidth=0.6)
            start += length
        axis.set_xlim(0, start)
        axis.set_ylabel(program_name(track.program, track.is_drum), fontsize=7, rotation=0, ha="right")
        axis.tick_params(labelsize=6)
    axes[0].legend(
        handles=[Patch(color=color, label=name) for name, color in COLORS.items()], fontsize=7, ncol=4, loc="upper left"
    )
    _scores(axes[-1], report["infill"])
    figure.suptitle(
        f"{report['checkpoint']}: {window.dataset}, last bar written; the true bar stands to its right", fontsize=9
    )
    figure.tight_layout()
    figure.savefig(path)
    pyplot.close(figure)


def _notes(axis: Any, bar: Bar, start: float, resolution: int, color: str) -> None:
    if bar.notes:
        axis.hlines(
            [note.pitch for note in bar.notes],
            [start + note.onset_ticks / resolution for note in bar.notes],
            [
                start + (note.onset_ticks + max(note.duration_ticks, resolution // 12)) / resolution
                for note in bar.notes
            ],
            color=color,
            linewidth=2,
        )


def _scores(axis: Any, infill: dict[str, dict[str, float]]) -> None:
    names = ["onset_f1", "pitch_class_overlap", "groove_similarity", "density_match", "rest_rate"]
    for offset, (source, means) in enumerate(infill.items()):
        places = [index + 0.2 * offset for index in range(len(names))]
        axis.bar(places, [means.get(name, 0.0) for name in names], width=0.18, label=source)
    axis.set_xticks([index + 0.3 for index in range(len(names))], names, fontsize=7)
    axis.set_ylim(0, 1.05)
    axis.legend(fontsize=7, ncol=4)
