"""Follows another device's MIDI clock.

The rules follow established practice:

- Start arms the clock, and the first tick *after* it is position 0. Continue arms it too, and the first tick after it goes on from the
  song position.
- Counted ticks give the position. `TickFilter` gives phase and tempo. Ticks while stopped give a tempo estimate.
- A song position is obeyed while stopped or armed. A song position that arrives while running waits for a Continue, which then starts
  at that place. Without a Continue it is ignored, because some masters report their position now and then.
- The clock is lost after 0.25 s without a tick, or after three ticks of a slow tempo if that is longer. Until then it runs on by
  itself. Once it is lost, the session falls silent.
- If ticks return within 2 s, the master is taken to have gone on, so the time that has passed counts. Delayed ticks that arrive in a
  bunch do not count twice. After a longer silence the clock goes on from where it was heard last.

The module knows messages, seconds, and beats since the master's start. It knows nothing of bars or tracks.
"""

from __future__ import annotations

from typing import Protocol

from companion.midi.messages import ClockContinue, ClockMessage, ClockStart, ClockStop, ClockTick, SongPosition
from companion.music.units import CLOCK_TICKS_PER_BEAT, SONG_POSITION_PER_BEAT
from companion.session.api.snapshot import ClockState
from companion.session.timing.tick_filter import TickFilter

LOST_SECONDS = 0.25
LOST_TICKS = 3.0
GAP_SECONDS = 2.0
NEARBY_TICKS = 1  # a song position this close counts as the current position

_START, _CONTINUE, _STOP, _TICK, _SILENCE = "start", "continue", "stop", "tick", "silence"

TRANSITIONS: dict[tuple[ClockState, str], ClockState] = {
    ("stopped", _START): "armed",
    ("stopped", _CONTINUE): "armed",
    ("stopped", _STOP): "stopped",
    ("stopped", _TICK): "stopped",
    ("stopped", _SILENCE): "stopped",
    ("armed", _START): "armed",
    ("armed", _CONTINUE): "armed",
    ("armed", _STOP): "stopped",
    ("armed", _TICK): "running",
    ("armed", _SILENCE): "armed",
    ("running", _START): "armed",
    ("running", _CONTINUE): "running",
    ("running", _STOP): "stopped",
    ("running", _TICK): "running",
    ("running", _SILENCE): "lost",
    ("lost", _START): "armed",
    ("lost", _CONTINUE): "armed",
    ("lost", _STOP): "stopped",
    ("lost", _TICK): "running",
    ("lost", _SILENCE): "lost",
}


class Clock(Protocol):
    """What a session needs of a clock, whoever the master is. Positions are in beats (quarter notes) of the master's song."""

    @property
    def state(self) -> ClockState:
        """The current state in the table above."""
        ...

    @property
    def bpm(self) -> float:
        """The current tempo in quarter notes a minute."""
        ...

    @property
    def jitter_seconds(self) -> float:
        """The standard deviation of the ticks' arrival times; 0 for our own clock."""
        ...

    def position_at(self, seconds: float) -> float:
        """Return the position at a time near now, or the resting position while the clock is stopped."""
        ...

    def seconds_at(self, position: float) -> float:
        """Return when a position is (or was) due. This is only meaningful while the clock runs."""
        ...


class ExternalClock:
    """A clock whose master is another device. Call `receive` for every clock message and `handle_timer` at `next_timer()`."""

    def __init__(self, bpm: float) -> None:
        self.state: ClockState = "stopped"
        self.ignored_positions = 0
        self._filter = TickFilter(60 / (CLOCK_TICKS_PER_BEAT * bpm))
        self._zero = 0.0  # filter index of position 0 while running
        self._line_broken = False  # by a sleep of the machine
        self._resume_ticks = 0  # position of the next tick after Continue, in ticks
        self._asked_ticks: int | None = None  # song position that came while running

    @property
    def bpm(self) -> float:
        """The tempo estimated from the ticks, or the preset's tempo before there are any."""
        return 60 / (CLOCK_TICKS_PER_BEAT * self._filter.period_seconds)

    @property
    def jitter_seconds(self) -> float:
        """The standard deviation of arrival times around the fitted line."""
        return self._filter.sigma_seconds

    @property
    def missed_ticks(self) -> int:
        """The number of ticks that never came but were counted."""
        return self._filter.missed

    @property
    def ticking(self) -> bool:
        """Whether a tempo estimate exists."""
        return self._filter.index >= 0

    def position_at(self, seconds: float) -> float:
        """Return the position in beats; see Clock."""
        if self.state != "running":
            return self._resume_ticks / CLOCK_TICKS_PER_BEAT
        return (self._filter.index_at(seconds) - self._zero) / CLOCK_TICKS_PER_BEAT

    def seconds_at(self, position: float) -> float:
        """Return when a position is due, by the fitted line; see Clock."""
        return self._filter.seconds_at(position * CLOCK_TICKS_PER_BEAT + self._zero)

    def next_timer(self) -> float | None:
        """Return when the clock counts as lost if it stays silent."""
        return self._filter.last_seconds + self._timeout() if self.state == "running" else None

    def handle_timer(self, now: float) -> None:
        """Notice silence."""
        if self.state == "running" and now >= self._filter.last_seconds + self._timeout():
            self._hold()
            self.state = TRANSITIONS[self.state, _SILENCE]

    def lose(self) -> None:
        """Lose the clock because uncounted time has passed. The next tick begins a new line through the ticks."""
        self._hold()
        self._line_broken = True
        self.state = TRANSITIONS[self.state, _SILENCE]

    def receive(self, message: ClockMessage, now: float) -> None:
        """Handle a clock message with its arrival time."""
        if isinstance(message, ClockTick):
            self._tick(now)
        elif isinstance(message, SongPosition):
            self._song_position(message.sixteenths * CLOCK_TICKS_PER_BEAT // SONG_POSITION_PER_BEAT)
        elif isinstance(message, ClockStart):
            self._resume_ticks, self._asked_ticks = 0, None
            self.state = TRANSITIONS[self.state, _START]
        elif isinstance(message, ClockContinue):
            self._continue()
        elif isinstance(message, ClockStop):
            self._asked_ticks = None
            self._filter.settle()
            self._hold()
            self.state = TRANSITIONS[self.state, _STOP]

    def _song_position(self, ticks: int) -> None:
        if self.state != "running":
            self._resume_ticks = ticks
        elif abs(ticks - self._next_ticks()) > NEARBY_TICKS:
            self.ignored_positions += 1
            self._asked_ticks = ticks

    def _continue(self) -> None:
        """Go on, or start elsewhere if the running master has sent another song position."""
        if self.state == "running" and self._asked_ticks is not None:
            self._resume_ticks = self._asked_ticks
            self.state = TRANSITIONS[self.state, _START]
        else:
            self.state = TRANSITIONS[self.state, _CONTINUE]
        self._asked_ticks = None

    def _next_ticks(self) -> int:
        """The position of the next tick while running."""
        return int(self._filter.index - self._zero) + 1

    def _tick(self, now: float) -> None:
        before = self.state
        gap = now - self._filter.last_seconds
        followed_on = before == "lost" and gap <= GAP_SECONDS and self._filter.established
        broken, self._line_broken = self._line_broken, False
        if broken or (gap > self._timeout() and not followed_on):
            self._filter.restart(now)
        elif before == "armed":
            self._filter.begin(now)
        else:
            self._filter.add(now)
        self.state = TRANSITIONS[before, _TICK]
        if before != "running" and self.state == "running":
            self._zero = float(self._filter.index - self._resume_ticks)

    def _hold(self) -> None:
        """Remember where Continue or the next tick goes on."""
        if self.state == "running":
            self._resume_ticks = self._next_ticks()

    def _timeout(self) -> float:
        return max(LOST_SECONDS, LOST_TICKS * self._filter.period_seconds)
