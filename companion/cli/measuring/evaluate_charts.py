"""The charts' part of `companion evaluate --chords`: bass and piano play the shipped charts in each available way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from companion.charts.reader import read_chart
from companion.evaluation.harmony.chords import WAYS, way_name
from companion.evaluation.progress import Progress, counted
from companion.inference.engine import InferenceEngine
from companion.practice.measure import measure_chart
from companion.resources import configs_dir
from companion.session.api.settings import Sampling, TrackSettings

PARTS = (TrackSettings("Bass", "companion", program=32), TrackSettings("Piano", "companion", program=0))


def measure_charts(path: Path, engine: str, seed: int, progress: Progress, takes: int = 1) -> list[dict[str, Any]]:
    """Return one row for each shipped chart and way, with the parts' overlaps as `practice.measure.measure_chart` returns them.

    Raises CheckpointError or GenerationError.
    """
    guided = InferenceEngine.from_checkpoint(path, engine)
    plain = InferenceEngine(replace(guided.checkpoint, chord_guide=False), guided.backend)
    charts = sorted((configs_dir() / "charts").glob("*.txt"))
    ways = [way for way in WAYS if guided.checkpoint.chord_guide or not way[0]]
    rows = []
    for file, (guide, steered) in counted(progress, "charts", [(file, way) for file in charts for way in ways]):
        sampling = Sampling() if steered else replace(Sampling(), harmony=0.0, variety=0.0)
        seeds = range(seed, seed + takes)
        found = measure_chart(guided if guide else plain, read_chart(file), PARTS, list(seeds), sampling)
        rows.append({**found, "chart": file.stem, "way": way_name(guide, steered)})
    return rows


def chart_lines(rows: list[dict[str, Any]]) -> Iterator[str]:
    """Return the rows as text. A walking bass line by rule, and chance, are listed for comparison."""
    yield f"shipped charts: {'notes in the chord, bass · piano':<44}{'bars with bass':>16}{'by rule · chance':>20}"
    for row in rows:
        bass, piano, rule = row["parts"]
        shares = f"{_percent(bass['share'])} · {_percent(piano['share'])}"
        yield (
            f"  {row['chart']:<10}{row['way']:<32}{shares:<18}{_percent(bass['bars']):>16}"
            f"{_percent(rule['share']) + ' · ' + _percent(row['chance']):>20}"
        )


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.0%}"
