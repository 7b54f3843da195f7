"""Compares the chords expected for the next bar with the real ones: how often is an expectation sure, and then right?

The order is a session's: a bar is asked for while the bar before it still sounds, so the chords of that one are not known yet, and
three quarters of it tell only whether the form has moved to another key.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from companion.evaluation.harmony.recognition import PARTS, Bars, KnownSong
from companion.harmony.spans import ChordSpan
from companion.music import Note
from companion.music.units import RESOLUTION
from companion.session.chords.heard import HeardChords
from companion.session.input.form import FormMemory, profile

THRESHOLDS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
BINS = (0.0, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 1.01)  # of confidence, for the calibration
FIRST_BAR = 4  # before this bar, no expectation is possible
HEARD_PARTS = 3  # quarters of the bar before that have sounded when a bar is asked for


def measure_expectation(songs: Sequence[KnownSong]) -> dict[str, Any]:
    """threshold → share of bars with a sufficiently sure expectation, and share of those with the right root; and "calibration".

    Chords are heard from comping and bass, bar by bar. A bar counts as right if its first chord has the root. calibration: for each
    range of confidence, the bars, their mean confidence, and the share of them that was right.
    """
    outcomes: list[tuple[float, bool]] = []
    for song in songs:
        if bars := song.bars(PARTS["comping and bass"]):
            outcomes.extend(expectations(song.spans, bars))
    report: dict[str, Any] = {
        str(threshold): {
            "bars with a chord": sum(sure >= threshold for sure, _ in outcomes) / max(1, len(outcomes)),
            "of these right": _share([right for sure, right in outcomes if sure >= threshold]),
        }
        for threshold in THRESHOLDS
    }
    return {**report, "calibration": calibration(outcomes)}


def calibration(outcomes: Sequence[tuple[float, bool]]) -> list[dict[str, float]]:
    """One row for each range of confidence that occurs: from, to, bars, mean confidence, share right."""
    rows = []
    for low, high in pairwise(BINS):
        found = [(sure, right) for sure, right in outcomes if low <= sure < high]
        if found:
            confidence = sum(sure for sure, _ in found) / len(found)
            right = _share([right for _, right in found])
            rows.append({"from": low, "to": high, "bars": len(found), "confidence": confidence, "right": right})
    return rows


def expectations(spans: Sequence[Sequence[ChordSpan]], bars: Bars) -> list[tuple[float, bool]]:
    """(confidence, whether the root is right) of what is expected for each bar; a bar without an expectation has confidence 0."""
    heard, form = HeardChords(), FormMemory()
    outcomes: list[tuple[float, bool]] = []
    for bar, (notes, meter) in enumerate(bars):
        ticks = meter.bar_ticks(RESOLUTION)
        true = spans[bar][0]
        if bar >= FIRST_BAR and true.chord is not None:
            expected = heard.expected(bar, form.place(bar), float(meter.beats))
            outcomes.append(_outcome(expected[0] if expected else None, true))
        if bar:
            before, other = bars[bar - 1]
            heard.hear(bar - 1, before, other)
            form.hear(bar - 1, profile(before, other.bar_ticks(RESOLUTION)))
        form.listen(bar, profile(_so_far(notes, ticks * HEARD_PARTS // 4), ticks), HEARD_PARTS)
    return outcomes


def _so_far(notes: Sequence[Note], until_ticks: int) -> list[Note]:
    return [note for note in notes if note.onset_ticks < until_ticks]


def _outcome(expected: ChordSpan | None, true: ChordSpan) -> tuple[float, bool]:
    if expected is None or expected.chord is None or true.chord is None:
        return 0.0, False
    return expected.confidence, expected.chord.root == true.chord.root


def _share(outcomes: Sequence[bool]) -> float:
    return sum(outcomes) / len(outcomes) if outcomes else 0.0


def lines(report: dict[str, Any]) -> list[str]:
    """The report as readable lines."""
    thresholds = [
        f"expected with a confidence of {threshold} or more: {row['bars with a chord']:.1%} of bars, "
        f"{row['of these right']:.1%} of them right"
        for threshold, row in report.items()
        if threshold != "calibration"
    ]
    return [
        *thresholds,
        *(
            f"confidence {row['from']:.1f} to {min(row['to'], 1):.1f}: mean {row['confidence']:.2f}, right {row['right']:.2f} "
            f"({row['bars']} bars)"
            for row in report["calibration"]
        ),
    ]
