"""Our own clock as the master, and the clock messages for others.

For positions it has the same interface as `ExternalClock`. A start with a count-in runs from a negative position. Other devices
receive Start and the ticks only from position 0. The module knows beats and seconds, and nothing of bars.
"""

from __future__ import annotations

import math
from statistics import median

from companion.midi.messages import ClockContinue, ClockMessage, ClockStart, ClockStop, ClockTick, SongPosition
from companion.music.units import CLOCK_TICKS_PER_BEAT, SONG_POSITION_PER_BEAT
from companion.session.api import limits
from companion.session.api.snapshot import ClockState

STALL_SECONDS = (
    0.5  # when woken later than this (a suspended machine), the music goes on from where it was without catching up
)
TAP_PAUSE_SECONDS = 2.0
TAPS_KEPT = 5


class TapTempo:
    """Estimates BPM from taps, by the median of the last intervals. A pause of two seconds starts again."""

    def __init__(self) -> None:
        self._taps: list[float] = []

    def tap(self, now: float) -> float | None:
        """Take a tap. Returns the tempo so far, None at the first tap."""
        if self._taps and not 0 < now - self._taps[-1] <= TAP_PAUSE_SECONDS:
            self._taps.clear()
        self._taps = [*self._taps[-TAPS_KEPT + 1 :], now]
        if len(self._taps) < 2:
            return None
        intervals = [after - before for before, after in zip(self._taps, self._taps[1:], strict=False)]
        return clamp_bpm(60 / median(intervals))


def clamp_bpm(bpm: float) -> float:
    """Keep a tempo within its limits."""
    return limits.BPM.clamp(bpm)


class InternalClock:
    """Our own clock as the master. `due(now)` yields the messages to send, each with its time."""

    jitter_seconds = 0.0
    missed_ticks = 0

    def __init__(self, bpm: float) -> None:
        self.state: ClockState = "stopped"
        self.bpm = clamp_bpm(bpm)
        self._anchor_position = 0.0
        self._anchor_seconds = 0.0
        self._next_tick = 0
        self._announce: ClockMessage | None = None  # before the next tick

    def position_at(self, seconds: float) -> float:
        """Return the position in beats; it is negative while counting in."""
        if self.state != "running":
            return self._anchor_position
        return self._anchor_position + (seconds - self._anchor_seconds) * self.bpm / 60

    def seconds_at(self, position: float) -> float:
        """Return when a position is due at the present tempo."""
        return self._anchor_seconds + (position - self._anchor_position) * 60 / self.bpm

    def set_bpm(self, bpm: float, now: float) -> None:
        """Set the tempo from now on."""
        self._anchor_position = self.position_at(now)
        self._anchor_seconds = now
        self.bpm = clamp_bpm(bpm)

    def start(
        self, position: float, now: float, count_in_beats: float = 0.0, located: bool = True
    ) -> list[tuple[ClockMessage, float]]:
        """Run from `position`, after a count-in. Returns messages to send at once.

        located: whether other devices must be told the position.
        """
        messages: list[tuple[ClockMessage, float]] = []
        sixteenths = round(position * SONG_POSITION_PER_BEAT)
        if position > 0 and located:
            messages.append((SongPosition(min(sixteenths, 16383)), now))
        self._announce = ClockContinue() if position > 0 else ClockStart()
        self._anchor_position = position - count_in_beats
        self._anchor_seconds = now
        self._next_tick = math.ceil(position * CLOCK_TICKS_PER_BEAT - 1e-6)
        self.state = "running"
        return messages

    def stop(self, now: float) -> list[tuple[ClockMessage, float]]:
        """Stop and rest at the current position."""
        if self.state != "running":
            return []
        self._anchor_position = self.position_at(now)
        self.state = "stopped"
        return [] if self._announce else [(ClockStop(), now)]

    def locate(self, position: float) -> None:
        """While stopped, set where `start` may go on."""
        self._anchor_position = position

    def next_timer(self) -> float | None:
        """Return when the next tick is due."""
        return self._tick_seconds() if self.state == "running" else None

    def due(self, now: float) -> list[tuple[ClockMessage, float]]:
        """Return all messages due by now, each with its ideal time."""
        messages: list[tuple[ClockMessage, float]] = []
        if self.state != "running":
            return messages
        stall = now - self._tick_seconds()
        if stall > STALL_SECONDS:
            self._anchor_seconds += stall
        while (seconds := self._tick_seconds()) <= now:
            if self._announce:
                messages.append((self._announce, seconds))
                self._announce = None
            messages.append((ClockTick(), seconds))
            self._next_tick += 1
        return messages

    def _tick_seconds(self) -> float:
        return self.seconds_at(self._next_tick / CLOCK_TICKS_PER_BEAT)
