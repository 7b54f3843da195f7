"""The log of a run, with one JSON line per measurement, and a picture of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from companion.errors import TrainingError


def append_row(path: Path, row: dict[str, Any]) -> None:
    """Add one line. Raises TrainingError when it cannot be written."""
    try:
        with path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(row) + "\n")
    except OSError as error:
        raise TrainingError(f"cannot write {path}: {error.strerror or error}") from None


def read_rows(path: Path) -> list[dict[str, Any]]:
    """All complete lines. A line that a crash cut off is left out."""
    rows = []
    if path.is_file():
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                rows.append(json.loads(line))
            except json.JSONDecodeError:
                continue
    return rows


def drop_rows_after(path: Path, step: int) -> None:
    """Remove the measurements of steps that will be repeated after a resume."""
    if path.is_file():
        kept = [row for row in read_rows(path) if row["step"] <= step]
        path.write_text("".join(json.dumps(row) + "\n" for row in kept), encoding="utf-8")


def draw_curves(rows: list[dict[str, Any]], path: Path, title: str) -> bool:
    """Plot the loss in bits per token against the tokens seen, as a PNG. Returns False if matplotlib is not installed."""
    try:
        import matplotlib
    except ImportError:
        return False
    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6, 3.5), dpi=100)
    lines = (
        ("train", "train_bits", "0.75"),
        ("valid, all tokens", "valid_bits", "tab:blue"),
        ("valid, infilled bars", "valid_filled_bits", "tab:red"),
    )
    for label, key, color in lines:
        points = [(row["tokens"] / 1e6, row[key]) for row in rows if key in row]
        if points:
            axes.plot(*zip(*points, strict=True), label=label, color=color, linewidth=1.2)
    axes.set(xlabel="million tokens", ylabel="bits a token", title=title)
    axes.grid(alpha=0.3)
    axes.legend()
    figure.tight_layout()
    figure.savefig(path)
    pyplot.close(figure)
    return True
