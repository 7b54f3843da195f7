"""The metronome: clicks on the beats of a bar, and the count-in before the first."""

from __future__ import annotations

from companion.session.output.scheduler import CLICK, Scheduler, Voice
from companion.session.timing.timeline import Timeline

BAR_KEY, BEAT_KEY = 76, 77  # General MIDI: high and low wood block
BAR_VELOCITY, BEAT_VELOCITY = 112, 88
CLICK_BEATS = 0.1
ENTER_BEATS = 0.02  # entering within a bar: what began this much earlier still sounds


class Metronome:
    """Schedules clicks on the default output. channel: 0-15."""

    def __init__(self, timeline: Timeline, scheduler: Scheduler, on: bool, channel: int) -> None:
        self._timeline, self._scheduler = timeline, scheduler
        self._channel = channel
        self.on = on

    def switch(self, on: bool) -> None:
        """On from the next bar that is decided, or off at once."""
        self.on = on
        if not on:
            self._scheduler.cancel(CLICK)

    def bar(self, bar: int, from_position: float | None = None) -> None:
        """The clicks of a bar, if it is on (from a position within it, in session beats, if given)."""
        if not self.on:
            return
        meter = self._timeline.meter(bar)
        for beat in range(meter.numerator):
            position = self._timeline.start(bar) + beat * 4 / meter.denominator
            if from_position is None or position >= from_position - ENTER_BEATS:
                self._click(bar, position, beat == 0)

    def count_in(self, bar: int, position: float) -> None:
        """Clicks from a position to the bar's line, in its meter, whether it is on or not."""
        meter = self._timeline.meter(bar)
        line, step = self._timeline.start(bar), 4 / meter.denominator
        count = round((line - position) / step)
        for beat in range(count):
            self._click(bar, line - (count - beat) * step, beat % meter.numerator == 0)

    def _click(self, bar: int, position: float, accent: bool) -> None:
        voice = Voice(CLICK, "", self._channel)
        key, velocity = (BAR_KEY, BAR_VELOCITY) if accent else (BEAT_KEY, BEAT_VELOCITY)
        self._scheduler.add(voice, bar, key, velocity, position, position + CLICK_BEATS)
