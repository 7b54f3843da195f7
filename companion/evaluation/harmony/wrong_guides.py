"""Measures what a wrong chord guide costs against none, and from it how sure an expected chord must be to be worth showing.

The last bar of every melodic part is written with the true guide, with planted wrong ones and with none, the dials at their
defaults. With no guide the notes lean towards what the player sounded before, as in a session. If p is the probability that an expected
chord is right, a guide helps where p × (true) + (1 − p) × (wrong) is more than none; `break_even` is that p.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from random import Random
from typing import Any

from companion.evaluation.harmony.chords import in_chord
from companion.evaluation.infill import KnownChords, Player, blank
from companion.evaluation.measures.bars import pitch_class_overlap
from companion.evaluation.measures.intervals import Figure, ratio
from companion.evaluation.progress import Progress, counted
from companion.evaluation.windows import LiveWindow
from companion.harmony.guide import guide_bar
from companion.harmony.naming import transposed_spans
from companion.harmony.spans import ChordSpan
from companion.music import Bar

TRUE, NONE = "true guide", "no guide"
NEIGHBOUR, OTHER, SEMITONE = "the bar before's chords", "another bar's chords", "a semitone off"
WRONG = (NEIGHBOUR, OTHER, SEMITONE)
MEASURES = ("in chord", "shared")
Spans = tuple[ChordSpan, ...]
Counts = defaultdict[tuple[str, str], dict[int, tuple[float, float]]]  # measure, guide → window → (part, whole)


def planted_guides(window: LiveWindow, draw: Random) -> dict[str, Spans | None]:
    """name → the chords shown for the last bar; a wrong guide that would be the true one is left out."""
    true = window.chords[window.bar]
    other = [spans for spans in window.chords[: window.bar - 1] if _names(spans) != _names(true)]
    planted: dict[str, Spans | None] = {
        TRUE: true,
        NONE: None,
        SEMITONE: transposed_spans(true, draw.choice((-1, 1))),
    }
    if _names(window.chords[window.bar - 1]) != _names(true):
        planted[NEIGHBOUR] = window.chords[window.bar - 1]
    if other:
        planted[OTHER] = draw.choice(other)
    return planted


def _names(spans: Sequence[ChordSpan]) -> list[frozenset[int] | None]:
    return [span.chord.pitch_classes if span.chord else None for span in spans]


def wrong_guides(player: Player, windows: Sequence[LiveWindow], seed: int, progress: Progress) -> dict[str, Any]:
    """measure → guide → share with its interval, and measure → "break_even" → wrong guide → probability.

    "in chord": notes in the true chord at their onset. "shared": pitch classes shared with the other parts' true bar. The break-even
    of a wrong guide is of the windows that have it: the bar before's chords are wrong only where the chord changes.
    """
    counts: Counts = defaultdict(dict)
    draw = Random(seed)
    for number, window in enumerate(counted(progress, "wrong guides", windows)):
        cells = [cell for cell in window.targets if not window.score.tracks[cell[0]].is_drum]
        planted = planted_guides(window, draw)
        if not cells or not any(span.chord for span in window.chords[window.bar]):
            continue
        for name, spans in planted.items():
            known = None if spans is None else KnownChords(spans, guide_bar(spans)[0])
            written = player.write(blank(window), cells, [*window.hidden], seed + number, chords=known)
            counts["in chord", name][number] = _sum(
                in_chord(written[cell], window.chords[window.bar]) for cell in cells
            )
            counts["shared", name][number] = _sum(_shared(written[cell], window.beside(cell)) for cell in cells)
    return {measure: _table(counts, measure) for measure in MEASURES if counts[measure, TRUE]}


def _shared(bar: Bar, beside: Sequence[Bar]) -> tuple[float, int]:
    share = pitch_class_overlap(bar, beside)
    return (0.0, 0) if share is None else (share * len(bar.notes), len(bar.notes))


def _sum(found: Any) -> tuple[float, float]:
    rows = list(found)
    return sum(row[0] for row in rows), sum(row[1] for row in rows)


def _table(counts: Counts, measure: str) -> dict[str, Any]:
    figures = {name: _figure(counts[measure, name].values()) for name in (TRUE, NONE, *WRONG)}
    even = {}
    for name in WRONG:
        windows = counts[measure, name].keys()
        true, none, wrong = (
            _figure([counts[measure, way][number] for number in windows]) for way in (TRUE, NONE, name)
        )
        if true and none and wrong:
            even[name] = break_even(true.value, wrong.value, none.value)
    return {**{name: figure.to_dict() for name, figure in figures.items() if figure}, "break_even": even}


def _figure(rows: Iterable[tuple[float, float]]) -> Figure | None:
    found = list(rows)
    return ratio([part for part, _ in found], [whole for _, whole in found])


def break_even(true: float, wrong: float, none: float) -> float:
    """The probability of being right from which a guide is better than none: 0 if even a wrong one is, 1 if none ever is."""
    if true <= none:
        return 1.0
    return min(1.0, max(0.0, (none - wrong) / (true - wrong)))
