"""A chart's bars as chord spans."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from companion.charts.chart import Chart, ChartChord
from companion.harmony.spans import ChordSpan
from companion.harmony.symbols import ChordSymbol


def chart_spans(chart: Chart) -> Iterator[tuple[ChordSpan, ...]]:
    """Return the chords of every bar with their lengths. A bar that begins without a chord continues the last one."""
    current: ChordSymbol | None = None
    for bar in chart.bars:
        marks = list(bar.chords)
        if not marks or marks[0].beat > 0:
            marks.insert(0, ChartChord(Fraction(0), "", current))
        ends = [mark.beat for mark in marks[1:]] + [bar.time_signature.beats]
        yield tuple(
            ChordSpan(float(mark.beat), float(end - mark.beat), mark.chord)
            for mark, end in zip(marks, ends, strict=True)
        )
        current = marks[-1].chord
