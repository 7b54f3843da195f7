"""Predicts what the players will sound in a coming bar, because most music repeats.

Each bar heard is compared with those before it. If one period explains the last bars clearly better than the others do,
the form is assumed to repeat, and a coming bar is expected to sound like the bar one period before it. A period must repeat
for at least four bars before it is trusted, so a twelve-bar blues is known from the fifth bar of its second chorus on.
This module knows bars of notes, and neither time nor lanes.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from operator import mul

from companion.music import Note

PARTS = 4  # each bar is compared in so many parts, so that chords that change within it count
COMPARED_BARS = 8  # the last ones: how the music began no longer matters
FEWEST_BARS = 4  # that a period must explain
LONGEST_PERIOD = 32
CONTRADICTS = 0.2  # likeness of a bar that is at another place of the form
ONE_MAY_DIFFER = 6  # of so many bars or more, one may contradict: a fill, a wrong turn
ALIKE = 0.6  # mean cosine from which bars count as the same place of the form
CLEARER_BY = 0.15  # than the mean of all periods: else every bar is like every other, or none
AS_GOOD = 0.02  # a vamp of four bars also repeats after eight: of periods as good as this the shortest is taken

Profile = tuple[float, ...]


def profile(notes: Sequence[Note], bar_ticks: int) -> Profile:
    """[PARTS × 12] how long each pitch class sounds in each part of the bar, scaled to length 1; () for silence."""
    sums = [0.0] * (12 * PARTS)
    part = bar_ticks / PARTS
    for note in notes:
        end = min(note.onset_ticks + note.duration_ticks, bar_ticks)
        for index in range(PARTS):
            overlap = min(end, (index + 1) * part) - max(note.onset_ticks, index * part)
            if overlap > 0:
                sums[12 * index + note.pitch % 12] += overlap
    length = math.hypot(*sums)
    return tuple(value / length for value in sums) if length else ()


def likeness(one: Profile, other: Profile) -> float | None:
    """Cosine, 0 to 1; None where both are silent."""
    if one and other:
        return sum(map(mul, one, other))
    return 0.0 if one or other else None


def pitch_class_beats(notes: Sequence[Note], resolution: int) -> tuple[float, ...]:
    """[12] beats that each pitch class sounds."""
    beats = [0.0] * 12
    for note in notes:
        beats[note.pitch % 12] += note.duration_ticks / resolution
    return tuple(beats)


class FormMemory:
    """The bars heard without a gap, and how like they were to those before them. One bar costs LONGEST_PERIOD products."""

    def __init__(self) -> None:
        self._profiles: deque[Profile] = deque(maxlen=LONGEST_PERIOD)
        self._rows: deque[list[float | None]] = deque(maxlen=COMPARED_BARS)  # by bar: likeness to 1, 2, … bars before
        self._last = -1
        self._odd: set[int] = set()  # bars that were not what the form has there

    def clear(self) -> None:
        """The music jumped to another place of the form."""
        self._odd.clear()
        self._profiles.clear()
        self._rows.clear()

    def hear(self, bar: int, heard: Profile) -> None:
        """A bar is over. After a gap the memory starts again."""
        if bar != self._last + 1:
            self.clear()
        odd = self._is_odd(bar, heard)
        earlier = enumerate(reversed(self._profiles), start=1)
        self._rows.append([None if bar - back in self._odd else likeness(heard, before) for back, before in earlier])
        self._last = bar
        self._profiles.append(heard)
        # A single bar that breaks the form says nothing about the rounds to come; a second one soon after means other music.
        recent = {other for other in self._odd if bar - other <= COMPARED_BARS}
        self._odd = {other for other in self._odd if bar - other <= LONGEST_PERIOD}
        if odd:
            self._odd = self._odd - recent if recent else self._odd | {bar}

    def like(self, bar: int) -> int | None:
        """The latest heard bar that a coming `bar` is expected to resemble; None if no form is known."""
        period = self.period()
        if period is None or bar <= self._last:
            return None
        like = bar - math.ceil((bar - self._last) / period) * period
        while like in self._odd and like - period > self._last - len(self._profiles):
            like -= period
        return like

    def _is_odd(self, bar: int, heard: Profile) -> bool:
        """Whether a bar is not at all what the form has at its place."""
        like = self.like(bar)
        if like is None:
            return False
        alike = likeness(heard, self._profiles[like - self._last - 1])
        return alike is not None and alike < CONTRADICTS

    def period(self) -> int | None:
        """How many bars the form has, judged by the last bars."""
        scores: dict[int, float] = {}
        for period in range(1, len(self._rows[-1]) + 1 if self._rows else 1):
            known = [row[period - 1] for row in self._rows if len(row) >= period]
            alike = sorted(value for value in known if value is not None)
            contradicted = alike[1 if len(alike) >= ONE_MAY_DIFFER else 0 :][:1] < [CONTRADICTS]
            if len(alike) >= FEWEST_BARS:
                scores[period] = 0.0 if contradicted else sum(alike) / len(alike)
        if len(scores) < 2:
            return None
        best = max(scores.values())
        if best < ALIKE or best - sum(scores.values()) / len(scores) < CLEARER_BY:
            return None
        return min(period for period, score in scores.items() if score >= best - AS_GOOD)
