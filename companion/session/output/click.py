"""The metronome: clicks on the beats of a bar, and the count-in before the first."""

from __future__ import annotations

import math
from collections.abc import Callable

from companion.music import TimeSignature
from companion.session.output.scheduler import CLICK, Scheduler, Voice
from companion.session.timing.timeline import Timeline

BAR_KEY, BEAT_KEY = 76, 77  # General MIDI: high and low wood block
BAR_VELOCITY, BEAT_VELOCITY = 112, 88
CLICK_BEATS = 0.1
SAME_BEATS = 1e-6
FASTEST_BEAT = 16  # as a denominator; a bar cut to an odd length is clicked in quarter notes
ENTER_BEATS = 0.02  # when the music enters within a bar, a click that began this much earlier still sounds


class Metronome:
    """Schedules clicks on the default output. channel: 0-15. is_pickup: whether a song bar begins without an accent."""

    def __init__(
        self,
        timeline: Timeline,
        scheduler: Scheduler,
        on: bool,
        channel: int,
        is_pickup: Callable[[int], bool] = lambda song_bar: False,
    ) -> None:
        self._timeline, self._scheduler, self._is_pickup = timeline, scheduler, is_pickup
        self._channel = channel
        self.on = on

    def switch(self, on: bool) -> None:
        """Switch the click on from the next decided bar, or off at once."""
        self.on = on
        if not on:
            self._scheduler.cancel(CLICK)

    def bar(self, bar: int, from_position: float | None = None) -> None:
        """The clicks of a bar, if it is on (from a position within it, in session beats, if given)."""
        if not self.on:
            return
        meter = self._timeline.meter(bar)
        is_pickup = self._is_pickup(self._timeline.song_bar(bar))
        step = _step(meter)
        for beat in range(math.ceil(float(meter.beats) / step - SAME_BEATS)):
            position = self._timeline.start(bar) + beat * step
            if from_position is None or position >= from_position - ENTER_BEATS:
                self._click(bar, position, beat == 0 and not is_pickup)

    def count_in(self, bar: int, position: float, meter: TimeSignature) -> None:
        """Clicks on the beats of a meter from a position up to the bar's line, whether it is on or not."""
        line, step = self._timeline.start(bar), _step(meter)
        count = math.ceil(
            (line - position) / step - CLICK_BEATS
        )  # a master's first tick may lie a little before the line
        for beat in range(count):
            self._click(bar, position + beat * step, beat % meter.numerator == 0)

    def _click(self, bar: int, position: float, accent: bool) -> None:
        voice = Voice(CLICK, "", self._channel)
        key, velocity = (BAR_KEY, BAR_VELOCITY) if accent else (BEAT_KEY, BEAT_VELOCITY)
        self._scheduler.add(voice, bar, key, velocity, position, position + CLICK_BEATS)


def _step(meter: TimeSignature) -> float:
    """Quarter notes from one click to the next."""
    is_usual = meter.denominator <= FASTEST_BEAT and meter.denominator & (meter.denominator - 1) == 0
    return 4 / meter.denominator if is_usual else 1.0
