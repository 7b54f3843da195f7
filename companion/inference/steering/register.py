"""Steers the pitches of a bar towards the key, range and number of pitch classes that the player asked for, and away from the player.

A key is a soft push: a chromatic passing note stays possible if the model is sure of it. A range is a hard limit: the notes of
the track's visible bars together with those of the new bar stay within it. If the track already spans more, the bar keeps to a
band of that width around the middle of the visible notes. Away from the player's own register is a soft push: the note moves to another
octave or another pitch, and half of the chance that a note would lose is given back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from companion.inference.steering.bar_so_far import BarSoFar, Bias, Places
from companion.inference.steering.pacing import FORBIDDEN
from companion.tokenizer import attributes

OUT_OF_KEY = 7.0  # nats against a pitch outside the scale
IN_THE_WAY = 4.0  # nats against a pitch within the player's register, at full strength
KEPT = 0.5  # of the nats by which the push would make any note less likely; measured: more fills the bar with notes elsewhere
Avoided = tuple[int, int, float]  # the lowest and the highest pitch to stay away from, and how strongly, 0 to 1


def away_from(avoided: Avoided | None, places: Places) -> Bias | None:
    """The push [pitches] in nats away from a register; None for none."""
    if avoided is None:
        return None
    low, high, strength = avoided
    away = np.zeros(places.pitches.stop - places.pitches.start, dtype=np.float32)
    away[low : high + 1] = -IN_THE_WAY * strength
    return away


class Register:
    """The push on one bar's pitches. None means that the player did not set the value.

    key: level of key_signature. width: semitones from the lowest to the highest note. classes: most pitch classes in the bar.
    shown: the track's pitches in the window, ascending. in_key [pitches]: nats. ends: the lowest and the highest pitch that count
    as written already; () = none.
    """

    def __init__(
        self, key: int | None, width: int | None, classes: int | None, shown: Sequence[int], places: Places
    ) -> None:
        self._places, self.width, self.classes = places, width, classes
        self._all = np.arange(places.pitches.stop - places.pitches.start)
        self.in_key = np.zeros(len(self._all), dtype=np.float32)
        if key is not None:
            scale = attributes.key_pitch_classes(key)
            self.in_key[[pitch % 12 not in scale for pitch in self._all]] = -OUT_OF_KEY
        self.ends = (shown[0], shown[-1]) if shown else ()
        if width is not None and shown and shown[-1] - shown[0] > width:
            low = shown[len(shown) // 2] - width // 2
            self.ends = (low, low + width)

    @classmethod
    def of(cls, levels: Mapping[str, int | None], shown: Sequence[int], places: Places) -> Register | None:
        """The push for these levels; None if they ask for nothing."""
        key, width, classes = (levels.get(name) for name in ("key_signature", "pitch_range", "pitch_class_set"))
        if key is None and width is None and classes is None:
            return None
        return cls(key, width, None if classes is None else max(classes, 1), shown, places)

    def pitch(self, bias: Bias, bar: BarSoFar) -> None:
        """Push the next note's pitch."""
        pitches = bias[self._places.pitches]
        pitches += self.in_key
        written = [pitch for pitch, _, _ in bar.melodic]
        if self.width is not None:
            reached = [*written, *self.ends]
            if reached:
                outside = (self._all < max(reached) - self.width) | (self._all > min(reached) + self.width)
                pitches[outside] += FORBIDDEN
        if self.classes is not None:
            heard = {pitch % 12 for pitch in written}
            if len(heard) >= self.classes:
                pitches[~np.isin(self._all % 12, list(heard))] += FORBIDDEN
