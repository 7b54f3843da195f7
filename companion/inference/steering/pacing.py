"""Steers note density: the notes of a bar are kept close to a pace that ends inside the range of the level asked for.

The range of a level is spread evenly over the bar, which gives a smallest and a largest number of notes on pace at every
position. Jumps to positions where the bar would be behind or ahead become less likely with the square of the difference, so a
larger lag is corrected harder. Within the range there is no push, and the groove stays the model's.
"""

from __future__ import annotations

import numpy as np

from companion.inference.steering.bar_so_far import BarSoFar, Bias, Places
from companion.tokenizer import attributes

FORBIDDEN = -30.0  # outweighs any model's preference but stays finite, so that a bar can end if nothing else is left
INSET = 0.25  # × the range's width: the distance that the pace keeps from its edges
OPEN_RANGE = 1.3  # the densest level has no upper limit; its range ends at this × its fewest notes
PULL = 2.2  # nats for a difference of the square root of the range's middle
STACK_PULL = 1.2  # the most nats towards another note at the same position in a bar that lags
MOST_TOGETHER = 3  # two hands and a foot; more drum hits at once are no groove
LOOK_AHEAD = 0.25  # × a bar: notes at this position may be ahead of the pace by this much


class Pace:
    """The push of one bar towards one level of note_density. chord: how many notes the track strikes together.

    fewest, most: notes of the level. pull: nats for a difference of one note. behind, ahead [ticks + 1]: how many notes a bar has
    at least and at most at each tick when it is on pace. reach: ticks.
    """

    def __init__(self, level: int, length_ticks: int, places: Places, chord: float = 1.0) -> None:
        fewest, most = attributes.density_range(level)
        self._places, self._together = places, max(MOST_TOGETHER, round(chord))
        most = int(fewest * OPEN_RANGE) if most is None else most
        self.fewest, self.most = (round(fewest * chord), round(most * chord))
        inset = INSET * (self.most - fewest)
        middle = (self.fewest + self.most) / 2
        self.pull = PULL / middle**0.5
        done = np.arange(length_ticks + 1) / length_ticks
        self.behind = ((self.fewest + inset) * done).astype(np.float32)
        self.ahead = ((self.most - inset) * done).astype(np.float32)
        self.reach = max(round(LOOK_AHEAD * length_ticks), 1)

    def where_next(self, bias: Bias, bar: BarSoFar) -> None:
        """Push the choice between another note here, another position, and the end."""
        places, notes, here = self._places, bar.notes, bar.position_ticks
        last = len(self.behind) - 1
        if notes >= self.most:
            bias[places.positions] = FORBIDDEN
            bias[places.note_starts] = FORBIDDEN
            return
        off = np.maximum(self.behind - notes, 0) + np.maximum(notes - self.ahead, 0)
        pushes = -self.pull * off * (1 + off / 3)
        best = float(pushes[here:].max())
        bias[places.positions][:last] += pushes[:last] - best
        bias[places.ends] += FORBIDDEN if notes < self.fewest else float(pushes[last]) - best
        lag = float(self.behind[min(here + 1, last)]) - notes
        early = notes + 1 - float(self.ahead[min(here + self.reach, last)])
        push = min(self.pull * lag, STACK_PULL) if lag > 0 else 0.0
        if early > 0 and bar.here:
            push -= self.pull * early
        if bar.here >= self._together:
            push -= 2.0 * (bar.here - self._together + 1)
        bias[places.note_starts] += push
