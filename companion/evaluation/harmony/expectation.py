"""Compares the chords expected for the next bar with the real ones: how often is an expectation sure, and then right?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from companion.evaluation.harmony.recognition import PARTS, KnownSong
from companion.harmony.spans import ChordSpan
from companion.music.units import RESOLUTION
from companion.session.chords.heard import HeardChords
from companion.session.input.form import FormMemory, profile

THRESHOLDS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
FIRST_BAR = 4  # before this bar, no expectation is possible


def measure_expectation(songs: Sequence[KnownSong]) -> dict[str, dict[str, float]]:
    """By threshold: the share of bars with a sufficiently sure expectation, and the share of those with the expected root.

    Chords are heard from comping and bass, bar by bar, as in a session. A bar counts as right if its first chord has the root.
    """
    outcomes: list[tuple[float, bool]] = []
    for song in songs:
        if bars := song.bars(PARTS["comping and bass"]):
            outcomes.extend(_outcomes(song, bars))
    return {
        str(threshold): {
            "bars with a chord": sum(sure >= threshold for sure, _ in outcomes) / max(1, len(outcomes)),
            "of these right": _share([right for sure, right in outcomes if sure >= threshold]),
        }
        for threshold in THRESHOLDS
    }


def _outcomes(song: KnownSong, bars: Any) -> list[tuple[float, bool]]:
    heard, form = HeardChords(), FormMemory()
    outcomes: list[tuple[float, bool]] = []
    for bar, (notes, meter) in enumerate(bars):
        true = song.spans[bar][0]
        if bar >= FIRST_BAR and true.chord is not None:
            expected = heard.expected(bar, form.like(bar), float(meter.beats))
            outcomes.append(_outcome(expected[0] if expected else None, true))
        heard.hear(bar, notes, meter)
        form.hear(bar, profile(notes, meter.bar_ticks(RESOLUTION)))
    return outcomes


def _outcome(expected: ChordSpan | None, true: ChordSpan) -> tuple[float, bool]:
    if expected is None or expected.chord is None or true.chord is None:
        return 0.0, False
    return expected.confidence, expected.chord.root == true.chord.root


def _share(outcomes: Sequence[bool]) -> float:
    return sum(outcomes) / len(outcomes) if outcomes else 0.0


def lines(report: dict[str, dict[str, float]]) -> list[str]:
    """The report as readable lines."""
    return [
        f"expected with a confidence of {threshold} or more: {row['bars with a chord']:.1%} of bars, "
        f"{row['of these right']:.1%} of them right"
        for threshold, row in report.items()
    ]
