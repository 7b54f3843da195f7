"""From readings of a shared clock to MIDI clock messages with exact times. Pure: time is a parameter.

A shared clock (Ableton Link, JACK transport) is read now and then. A reading is a position in beats, its time, the tempo, and whether
the transport rolls. The session follows ticks. `BeatFeed` says which ticks, starts and stops lie between two readings, and when each
was due, so that reading late costs no accuracy.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from companion.midi.messages import ClockContinue, ClockMessage, ClockStart, ClockStop, ClockTick, SongPosition
from companion.music.units import CLOCK_TICKS_PER_BEAT, SONG_POSITION_PER_BEAT

TICKS_PER_SIXTEENTH = CLOCK_TICKS_PER_BEAT // SONG_POSITION_PER_BEAT
# A reading that differs from the prediction by more than two ticks is a jump of the clock. Smaller differences are followed.
JUMP_BEATS = 2 / CLOCK_TICKS_PER_BEAT
# A start is usually noticed a few milliseconds late. Up to this distance the place of rest is taken as the beginning.
LATE_START_BEATS = 0.25
# A song position has 14 bits.
LAST_SIXTEENTH = 0x3FFF
# A jump is noticed at the next reading. A sixteenth that has passed this recently is the one that was jumped to.
LATE_JUMP_SECONDS = 0.02
# After a pause of the reader, no more idle ticks than these are made up.
MAX_IDLE_TICKS = CLOCK_TICKS_PER_BEAT


@dataclass(frozen=True, slots=True)
class Reading:
    """A shared clock at one moment. beats: quarter notes since its beginning; negative while it counts down to beat 0."""

    seconds: float
    beats: float
    bpm: float
    rolling: bool


class BeatFeed:
    """Call `update` with every reading; times may not run backwards."""

    def __init__(self) -> None:
        self._last: Reading | None = None
        self._rolling = False
        self._announced = False
        self._next_tick = 0
        self._next_idle_seconds = -math.inf

    def next_seconds(self) -> float:
        """When the next tick is due, by the last reading; -inf before the first one."""
        last = self._last
        if last is None or not self._announced:
            return self._next_idle_seconds
        return last.seconds + (self._next_tick / CLOCK_TICKS_PER_BEAT - last.beats) * 60 / last.bpm

    def update(self, reading: Reading) -> list[tuple[float, ClockMessage]]:
        """Return the messages between the last reading and this one, each with its time in seconds, in order."""
        messages: list[tuple[float, ClockMessage]] = []
        # Nothing is told of a time before the last reading, because what was told then came before it.
        earliest = -math.inf if self._last is None else self._last.seconds
        if self._rolling and (not reading.rolling or self._has_jumped(reading)):
            # A jump happened at some time since the last reading, and what comes after it may be due already.
            stopped = earliest if reading.rolling else reading.seconds
            if self._announced:
                messages.append((stopped, ClockStop()))
            self._rolling = self._announced = False
            self._next_idle_seconds = reading.seconds
        if reading.rolling and not self._rolling:
            self._rolling, self._next_tick = True, self._first_tick(reading)
        if self._rolling:
            messages += [(max(due, earliest), message) for due, message in self._rolled(reading)]
        if not self._announced:
            messages += self._idled(reading)
        self._last = reading
        return messages

    def _has_jumped(self, reading: Reading) -> bool:
        last = self._last
        if last is None:
            return False
        beats_since = (reading.seconds - last.seconds) / 60
        # The tempo may have changed anywhere between the two readings.
        low, high = sorted((last.beats + beats_since * last.bpm, last.beats + beats_since * reading.bpm))
        return not low - JUMP_BEATS <= reading.beats <= high + JUMP_BEATS

    def _first_tick(self, reading: Reading) -> int:
        """A song position counts sixteenths, so the music begins on the next one."""
        last, begin = self._last, reading.beats
        if last is not None and not last.rolling and 0 <= reading.beats - last.beats <= LATE_START_BEATS:
            begin = last.beats
        begin -= LATE_JUMP_SECONDS * reading.bpm / 60 if begin == reading.beats else 0.0
        sixteenth = math.ceil(round(begin * SONG_POSITION_PER_BEAT, 6))
        return max(0, sixteenth) * TICKS_PER_SIXTEENTH

    def _rolled(self, reading: Reading) -> list[tuple[float, ClockMessage]]:
        messages: list[tuple[float, ClockMessage]] = []
        while (beats := self._next_tick / CLOCK_TICKS_PER_BEAT) <= reading.beats:
            due = reading.seconds - (reading.beats - beats) * 60 / reading.bpm
            if not self._announced:
                self._announced = True
                messages += [(due, message) for message in _announcement(self._next_tick)]
            messages.append((due, ClockTick()))
            self._next_tick += 1
        return messages

    def _idled(self, reading: Reading) -> list[tuple[float, ClockMessage]]:
        """Ticks at rest tell the session the tempo before the music starts."""
        period = 60 / (CLOCK_TICKS_PER_BEAT * reading.bpm)
        if self._last is None:
            self._next_idle_seconds = reading.seconds
        self._next_idle_seconds = max(self._next_idle_seconds, reading.seconds - MAX_IDLE_TICKS * period)
        messages: list[tuple[float, ClockMessage]] = []
        while self._next_idle_seconds <= reading.seconds:
            messages.append((self._next_idle_seconds, ClockTick()))
            self._next_idle_seconds += period
        return messages


def _announcement(tick: int) -> tuple[ClockMessage, ...]:
    if tick == 0:
        return (ClockStart(),)
    return (SongPosition(min(tick // TICKS_PER_SIXTEENTH, LAST_SIXTEENTH)), ClockContinue())
