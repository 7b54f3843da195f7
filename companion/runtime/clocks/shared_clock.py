"""The shared clock that the session follows now, if any: opened, read and closed as the session's clock source says."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Protocol

from companion.errors import UsageError
from companion.midi.messages import ClockMessage, ClockStop
from companion.runtime.clocks.beat_feed import BeatFeed, Reading
from companion.runtime.clocks.jack_clock import JackClock
from companion.runtime.clocks.link_clock import LinkClock
from companion.session.api.effects import AskClock
from companion.session.api.settings import SHARED_CLOCKS

# Ticks have exact times however late they are read. Reading this often finds starts and new tempos soon enough.
READ_SECONDS = 0.005
# A clock that could not be opened is tried again, because a JACK server may be started later.
RETRY_SECONDS = 2.0


class SharedClock(Protocol):
    """A clock that other programs have too. Nothing here waits."""

    @property
    def status(self) -> str:
        """A few words for the player."""
        ...

    def read(self, now: float) -> Reading:
        """The clock at this moment of our monotonic clock. Raises UsageError if it is gone."""
        ...

    def set_bar(self, beats_per_bar: float) -> None:
        """How many quarter notes a bar has."""
        ...

    def start(self) -> None:
        """Ask everybody to start."""
        ...

    def stop(self) -> None:
        """Ask everybody to stop."""
        ...

    def set_tempo(self, bpm: float) -> str:
        """Propose a tempo. Returns why that cannot be, else ""."""
        ...

    def locate(self, beats: float) -> str:
        """Ask everybody to go to a position. Returns why that cannot be, else ""."""
        ...

    def close(self) -> None:
        """Take part no more."""
        ...


Opener = Callable[[float, float], SharedClock]  # (BPM to begin with, quarter notes in a bar)
OPENERS: dict[str, Opener] = {"link": LinkClock, "jack": JackClock}


class Opening:
    """Opens a clock in a thread, because a sound server that hangs may take seconds to answer.

    done: whether it has ended, with a `clock` or a `fault`.
    """

    def __init__(self, opener: Opener, bpm: float, beats_per_bar: float) -> None:
        self.clock: SharedClock | None = None
        self.fault = ""
        self.done = False
        self._abandoned = False
        self._thread = threading.Thread(target=self._run, args=(opener, bpm, beats_per_bar), daemon=True)
        self._thread.start()

    def _run(self, opener: Opener, bpm: float, beats_per_bar: float) -> None:
        try:
            self.clock = opener(bpm, beats_per_bar)
        except Exception as error:
            # Two optional libraries: whatever they raise is one line for the player, and the music goes on.
            self.fault = str(error) if isinstance(error, UsageError) else f"the shared clock failed: {error!r}"
        if self._abandoned and self.clock is not None:
            self.clock.close()
        self.done = True

    def abandon(self) -> None:
        """Nobody wants the clock any more: close it as soon as it is open."""
        self._abandoned = True
        if self.done and self.clock is not None:
            self.clock.close()


class FollowedClock:
    """complain: shows the player one line. openers: by clock source."""

    def __init__(self, complain: Callable[[str], None], openers: dict[str, Opener] | None = None) -> None:
        self._complain = complain
        self._openers = OPENERS if openers is None else openers
        self._source = ""
        self._clock: SharedClock | None = None
        self._feed = BeatFeed()
        self._next_read = 0.0
        self._retry_seconds = 0.0
        self._complained = False
        self._opening: Opening | None = None

    def follow(self, source: str, bpm: float, beats_per_bar: float, now: float) -> None:
        """Follow this clock source from now on. For a source that is not shared, follow none."""
        if source != self._source:
            self.close()
            self._source, self._retry_seconds, self._complained = source, now, False
        if self._clock is not None:
            self._clock.set_bar(beats_per_bar)
        elif source in self._openers and now >= self._retry_seconds:
            if self._opening is None:
                self._opening = Opening(self._openers[self._source], bpm, beats_per_bar)
            elif self._opening.done:
                self._open(self._opening, now)
                self._opening = None

    def _open(self, opening: Opening, now: float) -> None:
        self._retry_seconds = now + RETRY_SECONDS
        self._clock = opening.clock
        if self._clock is not None:
            self._feed, self._next_read, self._complained = BeatFeed(), now, False
        elif not self._complained:
            self._complained = True
            self._complain(opening.fault)

    def poll(self, now: float) -> list[tuple[float, str, ClockMessage]]:
        """Return (seconds, port, message) of what the clock has said since the last call."""
        if self._clock is None or now < self._next_read:
            return []
        port = SHARED_CLOCKS[self._source]
        try:
            messages = self._feed.update(self._clock.read(now))
        except UsageError as error:
            self._complain(str(error))
            self._abandon()
            self._complained = True
            return [(now, port, ClockStop())]
        self._next_read = min(now + READ_SECONDS, self._feed.next_seconds())
        return [(seconds, port, message) for seconds, message in messages]

    def ask(self, wish: AskClock) -> None:
        """Pass on what the player asks of the clock."""
        if self._clock is None:
            return
        refusal = ""
        if wish.action == "start":
            self._clock.start()
        elif wish.action == "stop":
            self._clock.stop()
        elif wish.action == "tempo":
            refusal = self._clock.set_tempo(wish.value)
        else:
            refusal = self._clock.locate(wish.value)
        if refusal:
            self._complain(refusal)

    def close(self) -> None:
        """Follow no shared clock."""
        if self._opening is not None:
            self._opening.abandon()
            self._opening = None
        self._abandon()

    def _abandon(self) -> None:
        if self._clock is not None:
            threading.Thread(target=self._clock.close, daemon=True).start()
            self._clock = None
