"""Pushes towards known chords: at each onset, pitches outside the chord that sounds there become less likely.

The strength depends on the onset's place in the bar. On strong beats and at chord changes, a note outside the chord sounds
wrong; between the beats it sounds like a passing note. The second note of an onset is a voice of a chord, so it is pushed as on
a strong beat, wherever it stands. A bass moves more freely between the strong beats. Where a chord begins, it is pushed towards
the root or the slash bass and towards playing a note there. It also rests for whole bars less often.

Otherwise the push only moves probability between pitches. Whether there is a note, and where, stays the model's choice.
This module knows chords, meters and vocabularies, but no model and no prompt.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from companion.harmony.spans import ChordSpan
from companion.inference.steering.bar_so_far import BarSoFar, Places
from companion.music.meter import TimeSignature

BASS_PROGRAMS = frozenset((*range(32, 40), 43))  # General MIDI's basses and the contrabass, counted from 0
OUTSIDE = 4.0  # nats against a pitch outside the chord, at strength 1 on a strong beat
ON_BEAT = 0.8  # × OUTSIDE on other beats
BETWEEN = 0.5  # × OUTSIDE between beats
BASS_ON_BEAT, BASS_BETWEEN = 0.35, 0.2  # the same for a bass, whose line walks from chord to chord
NOT_THE_ROOT = 3.0  # nats against a bass's other pitches where a chord begins, at strength 1
PAST_THE_CHANGE = 3.0  # nats against a bass that skips the beginning of the next chord, at strength 1
BASS_RESTS = 4.0  # nats against a bar of rest for a bass, at strength 1: it states what the chord stands on


def strong_beats(meter: TimeSignature) -> tuple[float, ...]:
    """Quarter notes from the bar line of the meter's strong beats: 1 and 3 of four, every group of three in 6/8, 9/8, 12/8."""
    if meter.denominator >= 8 and meter.numerator % 3 == 0 and meter.numerator > 3:
        return tuple(float(group) * 12 / meter.denominator for group in range(meter.numerator // 3))
    if meter.numerator % 2 == 0 and meter.numerator > 2:
        return tuple(float(beat) * 4 / meter.denominator for beat in range(0, meter.numerator, 2))
    return (0.0,)


class ChordLean:
    """The push of one bar of one part. Each bar has its own tables of [ticks, 12] nats by onset and pitch class.

    The first note of an onset has another table (`first`) than later notes (`later`). starts: ticks at which chords begin,
    ascending. past: nats against skipping the next of them. rest_push: nats added to the bar being a rest.
    """

    def __init__(
        self, chords: Sequence[ChordSpan], meter: TimeSignature, strength: float, is_bass: bool, places: Places
    ) -> None:
        ticks, beat_ticks = meter.bar_ticks(places.resolution), places.resolution
        self.rest_push = -strength * BASS_RESTS if is_bass else 0.0
        self._pitches, self._positions, self._ends = places.pitches, places.positions, places.ends
        self.past = strength * PAST_THE_CHANGE if is_bass else 0.0
        self._classes = np.arange(places.pitches.stop - places.pitches.start) % 12
        on_beat, between = (BASS_ON_BEAT, BASS_BETWEEN) if is_bass else (ON_BEAT, BETWEEN)
        weights = np.full(ticks, between, dtype=np.float32)
        weights[::beat_ticks] = on_beat
        weights[[round(beat * beat_ticks) for beat in strong_beats(meter)]] = 1.0
        starts = [round(span.beat * beat_ticks) for span in chords if span.chord is not None]
        self.starts = [start for start in starts if 0 <= start < ticks]
        weights[self.starts] = 1.0
        self.later = np.zeros((ticks, 12), dtype=np.float32)
        for span in chords:
            if span.chord is not None:
                outside = np.ones(12, dtype=np.float32)
                outside[list(span.chord.pitch_classes)] = 0.0
                start, end = (round(beat * beat_ticks) for beat in (span.beat, span.beat + span.beats))
                self.later[max(start, 0) : end] = -strength * OUTSIDE * outside
        self.first = self.later * weights[:, None]
        for span in chords:
            start = round(span.beat * beat_ticks)
            if is_bass and span.chord is not None and 0 <= start < ticks:
                self.first[start] -= strength * NOT_THE_ROOT
                self.first[start, span.chord.bass] += strength * NOT_THE_ROOT

    @classmethod
    def of(
        cls,
        chords: Sequence[ChordSpan] | None,
        meter: TimeSignature,
        strength: float,
        program: int,
        places: Places,
    ) -> ChordLean | None:
        """The push for a melodic part; None if no chord is known or nothing is asked for."""
        if strength <= 0 or not any(span.chord for span in chords or ()):
            return None
        return cls(chords or (), meter, strength, program in BASS_PROGRAMS, places)

    def lean(self, logits: npt.NDArray[np.float32], bar: BarSoFar) -> npt.NDArray[np.float32]:
        """Return a copy of logits [vocab] with the pitches pushed for an onset at the bar's position."""
        table = self.later if bar.here else self.first
        leaning = logits.copy()
        pitches = leaning[self._pitches]
        before = log_sum(pitches)
        pitches += table[bar.position_ticks][self._classes]
        pitches += before - log_sum(pitches)
        if self.past:
            self._strike_at_changes(leaning, bar)
        return leaning

    def _strike_at_changes(self, logits: npt.NDArray[np.float32], bar: BarSoFar) -> None:
        """Push, in place, against positions past the next chord's beginning, and against ending the bar before it."""
        here = -1 if not bar.notes else bar.position_ticks
        following = next((start for start in self.starts if start > here), None)
        if following is not None:
            logits[self._positions][following + 1 :] -= self.past
            if bar.notes:
                logits[self._ends] -= self.past


def log_sum(values: npt.NDArray[np.float32]) -> np.float32:
    """log Σ exp, safe for large values."""
    largest = values.max()
    return largest + np.log(np.exp(values - largest).sum())
