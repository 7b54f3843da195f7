"""Steers the polyphony and note lengths of a bar towards the levels that the player asked for.

The levels are quantiles (representation.md E). Of the ticks with sound, 15 % have no more voices than min_polyphony, and 15 % no
fewer than max_polyphony. Of the notes, 15 % are no longer than min_note_duration, and 15 % no shorter than max_note_duration. The
limits therefore hold nearly always, but each must also be reached now and then. When a limit has been reached for less than
`REACHED` of the bar so far, the next chord or note is pushed towards it.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from companion.inference.steering.bar_so_far import BarSoFar, Bias, Places
from companion.tokenizer import attributes

REACHED = 0.4
THICKEN = 5.0  # nats per missing voice
ENOUGH = 1.0  # nats per voice above the fewest asked for: a model pushed to chords may not stop adding voices
UNFILLED = 3.0  # nats against ending a bar in which nothing has sounded yet
THIN = 7.0  # nats per voice too many
OVERLAP = 0.7  # nats per tick that a new note would overlap one voice too many
MOST_OVERLAP = 8.0
TOGETHER = 3.0  # nats towards a common end of a chord's voices, per factor e in length
SAME_PITCH = 9.0
SEMITONE = 1.5
BEYOND = 3.0  # nats per level of length beyond a limit
SHORT_OF = 2.5  # nats per level short of a limit that has not been reached


class Voices:
    """The push of one bar towards a smallest and a largest number of sounding notes.

    fewest, most: those numbers; None = not set by the player.
    """

    def __init__(self, fewest: int | None, most: int | None, places: Places) -> None:
        self._places = places
        self.fewest, self.most = fewest, most
        self._lengths = np.log(np.arange(1, places.durations.stop - places.durations.start + 1, dtype=np.float32))

    @property
    def together(self) -> bool:
        """Whether at least two voices are asked for."""
        return self.fewest is not None and self.fewest > 1

    @classmethod
    def of(cls, levels: Mapping[str, int | None], places: Places) -> Voices | None:
        """The push for these levels; None if they ask for nothing. Level n is n + 1 voices; max_polyphony's top level is any number."""
        low, high = levels.get("min_polyphony"), levels.get("max_polyphony")
        top = attributes.levels("max_polyphony") - 1
        most = high + 1 if high is not None and high < top else None
        fewest = low + 1 if low is not None else None
        if fewest is None and most is None:
            return None
        return cls(fewest if fewest is None or most is None else min(fewest, most), most, places)

    def _wanted(self, bar: BarSoFar) -> tuple[int, int | None]:
        """The smallest and the largest number of voices that should sound at the next notes."""
        heard = bar.sounding[: bar.position_ticks]
        ticks = max(int(np.count_nonzero(heard)), 1)
        least, most = self.fewest or 1, self.most
        thick = 1.0 if most is None else np.count_nonzero(heard >= most) / ticks
        thin = 1.0 if self.fewest is None else np.count_nonzero((heard > 0) & (heard <= self.fewest)) / ticks
        if min(thick, thin) >= REACHED:
            return least, most
        return (most or least, most) if thick <= thin else (least, least)

    def where_next(self, bias: Bias, bar: BarSoFar) -> None:
        """Push the choice between another note here, another position, and the end."""
        places = self._places
        least, most = self._wanted(bar)
        voices = bar.voices
        if bar.here and voices < least:
            bias[places.positions] -= THICKEN * (least - voices)
            bias[places.ends] -= 2 * THICKEN * (least - voices)
        if most is not None:
            if voices >= most:
                bias[places.note_starts] -= THIN * (voices + 1 - most)
            self._keep_apart(bias, bar, most)
        elif voices > least:
            bias[places.note_starts] -= ENOUGH * (voices - least)
        heard = int(np.count_nonzero(bar.sounding[: bar.length_ticks]))
        bias[places.ends] -= UNFILLED * (1 - heard / bar.length_ticks)

    def _keep_apart(self, bias: Bias, bar: BarSoFar, most: int) -> None:
        """Push against positions where `most` notes still sound, and the more so the longer they last."""
        crowded = np.flatnonzero(bar.sounding[: bar.length_ticks] >= most)
        if not len(crowded):
            return
        end = int(np.flatnonzero(bar.sounding >= most)[-1]) + 1
        where = np.arange(min(end, bar.length_ticks))
        bias[self._places.positions][: len(where)] -= np.minimum(OVERLAP * (end - where), MOST_OVERLAP)

    def pitch(self, bias: Bias, bar: BarSoFar) -> None:
        """Push voices towards different pitches, and away from neighbouring ones."""
        pitches = bias[self._places.pitches]
        for pitch, _, end in bar.melodic:
            if end > bar.position_ticks:
                pitches[pitch] -= SAME_PITCH
                pitches[max(pitch - 1, 0) : pitch + 2] -= SEMITONE

    def duration(self, bias: Bias, bar: BarSoFar) -> None:
        """Push the voices of a chord to end together if several voices are wanted."""
        left = max((end for _, _, end in bar.melodic), default=0) - bar.position_ticks
        if left > 0 and self._wanted(bar)[0] > 1:
            bias[self._places.durations] -= TOGETHER * np.abs(self._lengths - np.log(left))


class Lengths:
    """The push of one bar's notes towards a shortest and a longest duration, as levels. None: not set by the player.

    levels [durations]: the level of each duration. limits: each level that was set, with the side (−1 or 1) on which durations are
    beyond it. beyond [durations]: nats for durations beyond a limit. short_of: side → nats [durations] for those short of it.
    """

    def __init__(self, shortest: int | None, longest: int | None, places: Places) -> None:
        self._places = places
        count = places.durations.stop - places.durations.start
        starts = attributes.duration_level_starts(places.resolution)
        self.levels = np.searchsorted(starts, np.arange(1, count + 1), side="right") - 1
        self.limits: list[tuple[int, int]] = []
        if shortest is not None:
            self.limits.append((min(shortest, longest if longest is not None else shortest), -1))
        if longest is not None:
            self.limits.append((longest, 1))
        self.beyond = np.zeros(count, dtype=np.float32)
        self.short_of = {}
        for level, side in self.limits:
            distance = (self.levels - level) * side  # > 0 beyond the limit, < 0 short of it
            self.beyond -= BEYOND * np.maximum(distance, 0)
            self.short_of[side] = -SHORT_OF * np.maximum(-distance, 0).astype(np.float32)

    @classmethod
    def of(cls, levels: Mapping[str, int | None], places: Places) -> Lengths | None:
        """The push for these levels; None if they ask for nothing."""
        shortest, longest = levels.get("min_note_duration"), levels.get("max_note_duration")
        if shortest is None and longest is None:
            return None
        return cls(shortest, longest, places)

    def duration(self, bias: Bias, bar: BarSoFar) -> None:
        """Push the duration of the note whose pitch has just been written."""
        durations = bias[self._places.durations]
        durations += self.beyond
        written = self.levels[[length - 1 for _, length, _ in bar.melodic]]
        shares = {
            side: float(np.mean((written - level) * side >= 0)) if len(written) else 0.0 for level, side in self.limits
        }
        lacking = min(shares, key=lambda side: shares[side])
        if shares[lacking] < REACHED:
            durations += self.short_of[lacking]
