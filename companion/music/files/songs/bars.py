"""Bar lines: makes bars from the meter marks of a file, and places file ticks in them.

Bar lines are kept exactly, as whole numbers of a fraction of a file tick, so that bars of an odd length (7/8 at 25 ticks a quarter
is 87½ ticks) do not drift. A meter mark that is a few ticks off its bar line counts as on it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import lcm

from companion.music.meter import TimeSignature

# A mark this share of a quarter off a bar line (a 128th note) is meant for the line.
SNAP_SHARE = 32
Mark = tuple[int, int, int]  # tick, numerator, denominator


@dataclass(frozen=True, slots=True)
class Clock:
    """How file ticks, bar lines and score ticks relate.

    per_quarter: file ticks a quarter. units: parts of a file tick in which bar lines are whole numbers. resolution: score ticks a
    quarter.
    """

    per_quarter: Fraction
    units: int
    resolution: int

    @property
    def ratio(self) -> tuple[int, int]:
        """Score ticks a unit, as numerator and denominator."""
        return self.resolution * self.per_quarter.denominator, self.units * self.per_quarter.numerator

    def score_ticks(self, in_units: int) -> int:
        """A time or distance in units, in whole score ticks (halves go up)."""
        numerator, denominator = self.ratio
        return (2 * in_units * numerator + denominator) // (2 * denominator)

    def residual(self, in_units: int, score_ticks: int) -> int:
        """The part of a distance in units that whole score ticks lose, in 1/resolution of a score tick."""
        numerator, denominator = self.ratio
        missing = (in_units * numerator - score_ticks * denominator) * self.resolution
        return (2 * missing + denominator) // (2 * denominator)


class Grid:
    """The bars of a file. lines: every bar line and the end of the last bar, in units."""

    def __init__(self, lines: list[int], meters: list[TimeSignature], clock: Clock) -> None:
        self.lines, self.meters, self.clock = lines, meters, clock
        numerator, denominator = clock.ratio
        self.starts = [(2 * line * numerator + denominator) // (2 * denominator) for line in lines]
        written = (meter.bar_ticks(clock.resolution) for meter in meters)
        self.lengths = [
            max(1, min((2 * (after - line) * numerator + denominator) // (2 * denominator), length))
            for line, after, length in zip(lines, lines[1:], written, strict=False)
        ]

    def bar_at(self, tick: int) -> int:
        """The bar of a file tick; after the end the last one."""
        return min(bisect_right(self.lines, tick * self.clock.units), len(self.meters)) - 1

    def score_tick(self, tick: int) -> int:
        """A file tick from the start, in score ticks."""
        return self.clock.score_ticks(tick * self.clock.units)

    def from_line(self, bar: int, tick: int) -> int:
        """The distance of a file tick from a bar line, in units."""
        return tick * self.clock.units - self.lines[bar]

    @property
    def end(self) -> int:
        """The first file tick behind the last bar."""
        return -(-self.lines[-1] // self.clock.units)


def make_grid(
    marks: Sequence[Mark], end: int, per_quarter: Fraction, resolution: int, most_bars: int, *, exact: bool = True
) -> tuple[Grid, bool]:
    """Bars from each meter mark on to the next, the last ones up to `end` (a file tick); 4/4 before the first mark.

    exact: otherwise marks count where they are, bars are a whole number of file ticks, and a mark at the end makes a bar, as in
    midigpt. Returns the grid, and whether `most_bars` were too few.
    """
    meters = {tick: TimeSignature(numerator, denominator) for tick, numerator, denominator in marks}
    steps = {meter: _step(meter, per_quarter, exact) for meter in {*meters.values(), TimeSignature()}}
    units = lcm(*(step.denominator for step in steps.values()))
    places = _places(meters, steps, per_quarter, units) if exact else [(tick, meters[tick]) for tick in sorted(meters)]
    if not places or places[0][0] > 0:
        places.insert(0, (0, TimeSignature()))
    if exact:
        places = [place for place in places if place[0] < end * units] or places[:1]
    lines: list[int] = []
    bars: list[TimeSignature] = []
    is_cut = False
    for number, (start, meter) in enumerate(places):
        is_last = number + 1 == len(places)
        stop = max(end * units, places[-1][0]) if is_last else places[number + 1][0]
        step = int(steps[meter] * units)
        count = max(1, -(-(stop - start) // step))
        if len(bars) + count > most_bars:
            count, is_cut = most_bars - len(bars), True
        lines += range(start, start + count * step, step)
        bars += [meter] * count
        if is_cut:
            break
    lines.append(lines[-1] + int(steps[bars[-1]] * units))
    return Grid(lines, bars, Clock(per_quarter, units, resolution)), is_cut


def is_possible(mark: Mark, per_quarter: Fraction) -> bool:
    """Whether a meter has bars of at least one tick."""
    return mark[1] > 0 and _step(TimeSignature(mark[1], mark[2]), per_quarter, True) >= 1


def _step(meter: TimeSignature, per_quarter: Fraction, exact: bool) -> Fraction:
    step = per_quarter * meter.beats
    return step if exact else Fraction(max(int(step), 1))


def _places(
    meters: dict[int, TimeSignature], steps: dict[TimeSignature, Fraction], per_quarter: Fraction, units: int
) -> list[tuple[int, TimeSignature]]:
    """Where each meter begins, in units: on the bar line that its mark is meant for."""
    places: list[tuple[int, TimeSignature]] = []
    line, meter = 0, TimeSignature()
    for tick in sorted(meters):
        step = int(steps[meter] * units)
        place = tick * units
        nearest = line + round(Fraction(place - line, step)) * step
        near = int(per_quarter / SNAP_SHARE)
        if near == 0 and (step % units or per_quarter >= SNAP_SHARE / 2):
            near = 1
        if abs(place - nearest) <= near * units:
            place = nearest
        if places and places[-1][0] == place:
            places.pop()
        line, meter = place, meters[tick]
        places.append((place, meter))
    return places
