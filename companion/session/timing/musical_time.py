"""Musical time: which clock runs, the session's position on it, and positions in seconds and in bars."""

from __future__ import annotations

from companion.music import TimeSignature
from companion.session.api.settings import SHARED_CLOCKS, ClockSource
from companion.session.practice.songbook import SongBook
from companion.session.timing.external_clock import ExternalClock
from companion.session.timing.internal_clock import InternalClock
from companion.session.timing.timeline import Timeline


class MusicalTime:
    """The clock and the session's place on it.

    Positions are session beats (quarter notes): the clock's position plus `offset_beats`.
    tempo_factor: share of a song's written tempo at which it is played. source: a ClockSource.
    """

    def __init__(
        self, source: ClockSource, bpm: float, songbook: SongBook, timeline: Timeline, tempo_factor: float
    ) -> None:
        self.songbook = songbook
        self.timeline = timeline
        self.tempo_factor = tempo_factor
        self.offset_beats = 0.0
        written = songbook.bpm_at(0)
        self.source: ClockSource = source
        self.clock = _make_clock(source, bpm if written is None else written * tempo_factor)

    @property
    def master(self) -> InternalClock | None:
        """Our own clock, if we are the master."""
        return self.clock if isinstance(self.clock, InternalClock) else None

    @property
    def follower(self) -> ExternalClock | None:
        """The clock that follows an external master, if we are not the master."""
        return self.clock if isinstance(self.clock, ExternalClock) else None

    @property
    def shared_port(self) -> str | None:
        """The port from which a shared clock is heard (Ableton Link, JACK transport), if we follow one."""
        return SHARED_CLOCKS.get(self.source)

    def position(self, now: float) -> float:
        """The current position."""
        return self.clock.position_at(now) + self.offset_beats

    def to_seconds(self, position: float) -> float:
        """Return when a position is due, by the clock's prediction."""
        return self.clock.seconds_at(position - self.offset_beats)

    def bar_seconds(self, bar: int) -> float:
        """Return how long a session bar lasts at the present tempo."""
        return float(self.timeline.meter(bar).beats) * 60 / self.clock.bpm

    def meter_of(self, song_bar: int) -> TimeSignature:
        """Return the meter of a song bar: the written one, or the default."""
        return self.songbook.meter_at(song_bar)

    def place(self, offset_beats: float) -> None:
        """Set how far the session is ahead of the clock from now on."""
        self.offset_beats = offset_beats

    def use_source(self, source: ClockSource) -> None:
        """Change to another ClockSource, at the present tempo and at rest."""
        self.source = source
        self.clock = _make_clock(source, self.clock.bpm)

    def set_tempo_factor(self, factor: float) -> None:
        """Change the share of the written tempo. The clock itself does not change."""
        self.tempo_factor = factor


def _make_clock(source: ClockSource, bpm: float) -> ExternalClock | InternalClock:
    return InternalClock(bpm) if source == "internal" else ExternalClock(bpm)
