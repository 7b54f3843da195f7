"""Note density as the player asked for it: the notes of a bar are kept near the pace that ends inside the level's range.

The range of a level is spread evenly over the bar. At any position there are a fewest and a most notes that are on pace;
jumps to positions where the bar would be behind or ahead become less likely with the square of how far it would be off, so that
a bar that lags is pulled harder. Within the range nothing is pushed: there the model's groove is its own. A bar that lags is also
held to the parts of the beat on which its track has played so far: pulled by distance alone, a model that would rather have
jumped on puts the missing notes anywhere.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from companion.inference.steering.bar_so_far import BarSoFar, Bias, Places
from companion.tokenizer import attributes

FORBIDDEN = -30.0  # more than any model's preference, and still a number: a bar can end where nothing else is left
INSET = 0.25  # of the range's width: what the pace keeps away from its edges
OPEN_RANGE = 1.3  # the densest level has no most notes: its range ends here, times its fewest
PULL = 2.2  # nats for being off by the square root of the range's middle
STACK_PULL = 1.2  # at most, towards another note at the same position of a bar that lags
MOST_TOGETHER = 3  # drums hit together more often than by two hands and a foot are no groove
LOOK_AHEAD = 0.25  # of a bar: notes written here may be ahead of the pace by this much
FEEL = 0.8  # power of the share of onsets on each part of the beat
_EXPECTED = {1: 4.0, 2: 2.0, 4: 1.0, 3: 0.5}  # onsets taken for heard on beats, halves, quarters and thirds of it
_UNEXPECTED = 0.05


def beat_feel(onsets_ticks: Iterable[int], ticks_a_beat: int) -> npt.NDArray[np.float32]:
    """How a track divides the beat: nats [ticks_a_beat] for onsets on each tick of it, 0 for the likeliest.

    onsets_ticks: its onsets in model ticks from their bar lines.
    """
    parts = [Fraction(tick, ticks_a_beat).denominator for tick in range(ticks_a_beat)]
    heard = np.array([_EXPECTED.get(part, _UNEXPECTED) for part in parts])
    for onset in onsets_ticks:
        heard[onset % ticks_a_beat] += 1
    return (FEEL * np.log(heard / heard.max())).astype(np.float32)


class Pace:
    """The push of one bar towards one level of note_density; feel: see `beat_feel`."""

    def __init__(self, level: int, length_ticks: int, feel: npt.NDArray[np.float32], places: Places) -> None:
        fewest, most = attributes.density_range(level)
        self._places = places
        self._fewest, self._most = fewest, int(fewest * OPEN_RANGE) if most is None else most
        inset = INSET * (self._most - fewest)
        middle = (self._fewest + self._most) / 2
        self._pull = PULL / middle**0.5
        done = np.arange(length_ticks + 1) / length_ticks
        self._behind = ((self._fewest + inset) * done).astype(np.float32)
        self._ahead = ((self._most - inset) * done).astype(np.float32)
        self._feel = np.resize(feel, length_ticks)
        self._half_beat = len(feel) // 2
        self._reach = max(round(LOOK_AHEAD * length_ticks), 1)

    def where_next(self, bias: Bias, bar: BarSoFar) -> None:
        """Another note here, another position, or the end."""
        places, notes, here = self._places, bar.notes, bar.position_ticks
        last = len(self._behind) - 1
        if notes >= self._most:
            bias[places.positions] = FORBIDDEN
            bias[places.note_starts] = FORBIDDEN
            return
        off = np.maximum(self._behind - notes, 0) + np.maximum(notes - self._ahead, 0)
        pushes = -self._pull * off * (1 + off / 3)
        best = float(pushes[here:].max())
        bias[places.positions][:last] += pushes[:last] - best
        bias[places.ends] += FORBIDDEN if notes < self._fewest else float(pushes[last]) - best
        lag = float(self._behind[min(here + 1, last)]) - notes
        early = notes + 1 - float(self._ahead[min(here + self._reach, last)])
        push = min(self._pull * lag, STACK_PULL) if lag > 0 else 0.0
        if early > 0 and bar.here:
            push -= self._pull * early
        if bar.here >= MOST_TOGETHER:
            push -= 2.0 * (bar.here - MOST_TOGETHER + 1)
        bias[places.note_starts] += push
