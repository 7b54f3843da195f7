"""Predicts what the players will sound in a coming bar, because most music repeats.

Each bar heard is compared with those before it. If one period explains the last bars clearly better than the others do,
the form is assumed to repeat, and a coming bar is expected to sound like the bar one period before it. A period must repeat
for at least four bars before it is trusted, so a twelve-bar blues is known from the fifth bar of its second chorus on.

A form may go on in another key. When a bar is not what the form has there, but is just that a number of semitones away, the form has
moved, or the player has put another chord in its place. At the beginning of a round it is taken to have moved; within a round
the next bar must agree. Bars are remembered in the key of the first bar, each with how far it was moved. The bar that sounds now
can tell this as well, before it is over, because the next bar is asked for by then.
This module knows bars of notes, and neither time nor lanes.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from operator import mul

from companion.music import Note

PARTS = 4  # each bar is compared in so many parts, so that chords that change within it count
COMPARED_BARS = 8  # the last ones: how the music began no longer matters
FEWEST_BARS = 4  # that a period must explain
LONGEST_PERIOD = 32
CONTRADICTS = 0.2  # likeness of a bar that is at another place of the form
ONE_MAY_DIFFER = 6  # of 6 bars or more, one may contradict the others: a fill, a wrong turn
ALIKE = 0.6  # mean cosine from which bars count as the same place of the form
CLEARER_BY = 0.15  # than the mean of all periods: else every bar is like every other, or none
AS_GOOD = 0.02  # a vamp of four bars also repeats after eight: of periods as good as this the shortest is taken

# Chosen on the validation split: 94 % of planted changes of key are noticed after three quarters of their first bar. In songs that keep
# their key, one bar in two hundred seems to move, and half of these are in another key indeed.
KEPT = 0.5  # likeness from which a bar is what the form has there, in the key that it had
MOVED = 0.8  # likeness from which a bar is what the form has there, in another key
MOVED_CLEARER_BY = 0.25  # than in the old key and in any third one
SURE_FORM = 0.92  # mean likeness from which a form is sure enough for this
SETTLED_BARS = 4  # sooner after a move, another one means other music, unless it goes back
FEWEST_PARTS = 2  # of a bar that sounds, before it says anything about the key

Profile = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a coming bar lies in a form that was heard before.

    bar: the heard bar that it is expected to resemble. moved: semitones, from -5 to 6, that the form now lies above that bar.
    alike: from ALIKE to 1, how like the last bars were to those one form earlier.
    """

    bar: int
    moved: int = 0
    alike: float = 1.0


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


def moved(heard: Profile, semitones: int) -> Profile:
    """The profile of the same notes, this many semitones higher."""
    return tuple(heard[index - index % 12 + (index - semitones) % 12] for index in range(len(heard)))


def beginning(heard: Profile, parts: int) -> Profile:
    """The profile of the first parts of the bar; () for silence."""
    kept = heard[: 12 * parts]
    length = math.hypot(*kept)
    return tuple(value / length for value in kept) + (0.0,) * (12 * (PARTS - parts)) if length else ()


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
        self._shifts: deque[int] = deque(maxlen=LONGEST_PERIOD)  # by bar: semitones above the key of the first
        self._shift = 0  # of the last bar
        self._sounding_shift = 0  # of the bar that sounds now, as far as that can be told
        self._move: tuple[int, int] | None = None  # the last one: bar, semitones
        self._suspected: tuple[int, int] | None = None  # a bar that may have been a move, and its semitones
        self._first = 0  # the first bar heard without a gap
        self._found_form: tuple[int, float] | None = None

    def clear(self) -> None:
        """The music jumped to another place of the form."""
        self._odd.clear()
        self._shifts.clear()
        self._shift = self._sounding_shift = 0
        self._move = self._suspected = None
        self._profiles.clear()
        self._rows.clear()
        self._found_form = None

    def hear(self, bar: int, heard: Profile) -> None:
        """A bar is over. After a gap the memory starts again."""
        if bar != self._last + 1:
            self.clear()
            self._first = bar
        step, suspected = self._step(bar, heard, PARTS)
        self._suspected = (bar, suspected) if suspected else None
        if step:
            self._move = bar, step
        self._shift = self._sounding_shift = (self._shift + step) % 12
        heard = moved(heard, -self._shift)
        odd = self._is_odd(bar, heard)
        earlier = enumerate(reversed(self._profiles), start=1)
        self._rows.append([None if bar - back in self._odd else likeness(heard, before) for back, before in earlier])
        self._last = bar
        self._profiles.append(heard)
        self._shifts.append(self._shift)
        self._found_form = self._find_form()
        # A single bar that breaks the form says nothing about the rounds to come; a second one soon after means other music.
        recent = {other for other in self._odd if bar - other <= COMPARED_BARS}
        self._odd = {other for other in self._odd if bar - other <= LONGEST_PERIOD}
        if odd:
            self._odd = self._odd - recent if recent else self._odd | {bar}

    def listen(self, bar: int, heard: Profile, parts: int) -> None:
        """Hear the first `parts` of the bar that sounds now. They tell only whether the form has moved to another key."""
        if bar == self._last + 1 and parts >= FEWEST_PARTS:
            self._sounding_shift = (self._shift + self._step(bar, heard, parts)[0]) % 12

    def place(self, bar: int) -> Place | None:
        """Where a coming bar lies in the form; None if no form is known."""
        like, form = self.like(bar), self._form()
        return None if like is None or form is None else Place(like, self.moved(like), form[1])

    def moved(self, like: int) -> int:
        """How many semitones, from -5 to 6, the form now lies above what was heard in bar `like`."""
        back = self._last - like
        if not 0 <= back < len(self._shifts):
            return 0
        distance = (self._sounding_shift - self._shifts[-1 - back]) % 12
        return distance - 12 if distance > 6 else distance

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

    def _step(self, bar: int, heard: Profile, parts: int) -> tuple[int, int]:
        """Judged by a bar's first parts, by how many semitones (the form moves with it, it would have to move to be like the form)."""
        like, form = self.like(bar), self._form()
        suspected = self._suspected if self._suspected and self._suspected[0] == bar - 1 else None
        if like is None or form is None or (form[1] < SURE_FORM and suspected is None):
            return 0, 0
        there = beginning(moved(self._profiles[like - self._last - 1], self._shift), parts)
        sounded = beginning(heard, parts)
        if (likeness(sounded, there) or 0.0) >= KEPT:  # nearly always, so this is all that it costs
            return 0, 0
        alike = [likeness(sounded, moved(there, step)) or 0.0 for step in range(12)]
        best = max(range(12), key=alike.__getitem__)
        others = [value for step, value in enumerate(alike) if step != best]
        if alike[best] < MOVED or alike[best] - max(others) < MOVED_CLEARER_BY:
            return 0, 0
        if self._move is not None and bar - self._move[0] < SETTLED_BARS:
            goes_back = (best + self._move[1]) % 12 == 0
            return (best, 0) if goes_back else (0, 0)
        begins_round = (bar - self._first) % form[0] == 0
        return (best, 0) if begins_round or suspected == (bar - 1, best) else (0, best)

    def period(self) -> int | None:
        """How many bars the form has, judged by the last bars."""
        form = self._form()
        return None if form is None else form[0]

    def _form(self) -> tuple[int, float] | None:
        """(How many bars the form has, the mean likeness of the last bars to those this many bars before).

        It is asked often, and changes once a bar.
        """
        return self._found_form

    def _find_form(self) -> tuple[int, float] | None:
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
        return min((period, score) for period, score in scores.items() if score >= best - AS_GOOD)
