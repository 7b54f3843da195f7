"""Three plots of recognition against truth: roots over time, how far wrong roots are off, and confidence against what came.

They need matplotlib (the extra "train").
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from companion.errors import UsageError
from companion.evaluation.harmony.recognition import PARTS, KnownSong, compared

_FOURTHS = ("C", "F", "Bb", "Eb", "Ab", "Db", "Gb", "B", "E", "A", "D", "G")  # keeps related chords close
_OFF = ("right", "+1", "+2", "m3", "M3", "4th", "tritone", "5th", "m6", "M6", "-2", "-1")
_INPUTS = ("comping and bass", "comping", "melody")
_DOTS_PER_INCH = 80


def plot_all(songs: Sequence[KnownSong], report: Mapping[str, Any], path: Path) -> list[Path]:
    """Write `path` (roots), and beside it the same name with -errors and -confidence. Returns the three paths.

    report: of `measure_recognition`, with `measure_expectation` as "expectation". Raises UsageError if matplotlib is not installed.
    """
    try:
        import matplotlib
    except ImportError:
        raise UsageError("--plot needs matplotlib: pip install 'companion[train]'") from None
    matplotlib.use("Agg")
    paths = [path, *(path.with_stem(f"{path.stem}-{name}") for name in ("errors", "confidence"))]
    _plot_roots(songs, paths[0])
    _plot_errors(report, paths[1])
    _plot_confidence(report["expectation"]["calibration"], paths[2])
    return paths


def _plot_roots(songs: Sequence[KnownSong], path: Path, beats: int = 128) -> None:
    """One song of each of three sets: true roots as bands, heard roots as lines."""
    from matplotlib import pyplot

    chosen = list({song.dataset: song for song in songs if song.bars(PARTS["comping and bass"])}.values())[:3]
    figure, axes = pyplot.subplots(len(chosen), 1, figsize=(10, 2.6 * len(chosen)), squeeze=False)
    for axis, song in zip(axes[:, 0], chosen, strict=True):
        at = 0.0
        for true, heard, length in compared(song, song.bars(PARTS["comping and bass"]) or [], "bar by bar"):
            axis.broken_barh([(at, length)], (true.root * 5 % 12 - 0.45, 0.9), color="#c8d6e5")
            if heard is not None:
                axis.plot([at, at + length], [heard.root * 5 % 12] * 2, color="#c0392b", linewidth=2)
            at += length
        axis.set(xlim=(0, min(beats, at)), ylim=(-0.6, 11.6), yticks=range(12), yticklabels=_FOURTHS)
        axis.set_title(f"{song.dataset}: true roots (bands) and heard roots (lines)", fontsize=9)
    axes[-1, 0].set_xlabel("beats with a known chord")
    _save(figure, path)


def _plot_errors(report: Mapping[str, Any], path: Path) -> None:
    """How far heard roots lie from the true ones, by what was heard."""
    from matplotlib import pyplot

    shown = [name for name in _INPUTS if report[name]["bar by bar"]]
    figure, axis = pyplot.subplots(figsize=(10, 3.2))
    for number, name in enumerate(shown):
        shares = report[name]["bar by bar"]["roots_off"]
        places = [place + 0.27 * (number - 1) for place in range(12)]
        axis.bar(places, [100 * share for share in shares], width=0.25, label=name)
    axis.set_xticks(range(12), _OFF)
    axis.set(ylabel="% of beats", xlabel="heard root above the true one")
    axis.legend(fontsize=8)
    _save(figure, path)


def _plot_confidence(calibration: Sequence[Mapping[str, float]], path: Path) -> None:
    """How often an expected chord came, by its confidence; on the diagonal, the confidence is right."""
    from matplotlib import pyplot

    figure, axis = pyplot.subplots(figsize=(4.5, 4))
    axis.plot([0, 1], [0, 1], color="0.7", linewidth=1)
    most = max((row["bars"] for row in calibration), default=1)
    axis.scatter(
        [row["confidence"] for row in calibration],
        [row["right"] for row in calibration],
        s=[10 + 150 * row["bars"] / most for row in calibration],
        color="#c0392b",
    )
    axis.set(xlim=(0, 1), ylim=(0, 1), xlabel="confidence of an expected chord", ylabel="share with the right root")
    _save(figure, path)


def _save(figure: Any, path: Path) -> None:
    from matplotlib import pyplot

    figure.tight_layout()
    figure.savefig(path, dpi=_DOTS_PER_INCH)
    pyplot.close(figure)
