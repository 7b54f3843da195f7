"""Measures how long it takes to name the chords of a bar, on comping and bass of the shipped charts."""

from __future__ import annotations

import time
from typing import Any

from companion.charts.comping import bass_line, comping_track
from companion.charts.reader import read_chart
from companion.harmony.recognition import Recogniser
from companion.resources import configs_dir

ROUNDS = 8


def measure_recognition() -> dict[str, Any]:
    """Milliseconds of processor time a bar: median and slowest of all bars, each the fastest of ROUNDS times."""
    best: dict[int, float] = {}
    for _ in range(ROUNDS):
        for place, seconds in enumerate(_one_round()):
            best[place] = min(seconds, best.get(place, seconds))
    ordered = sorted(1000 * seconds for seconds in best.values())
    return {"bars": len(ordered), "p50_ms": ordered[len(ordered) // 2], "max_ms": ordered[-1]}


def _one_round() -> list[float]:
    took: list[float] = []
    for path in sorted((configs_dir() / "charts").glob("*.txt")):
        chart = read_chart(path)
        recogniser = Recogniser()
        for comping, bass in zip(comping_track(chart).bars, bass_line(chart).bars, strict=True):
            begun = time.process_time()
            recogniser.hear((*comping.notes, *bass.notes), comping.time_signature)
            took.append(time.process_time() - begun)
    return took


def recognition_text(report: dict[str, Any]) -> str:
    """The report in one line."""
    return f"chords named in {report['p50_ms']:.2f} ms a bar (slowest {report['max_ms']:.2f} ms, {report['bars']} bars)"
