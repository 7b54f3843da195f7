"""Applies a song's written tempos at their places, if we are the master."""

from __future__ import annotations

from companion.session.performance import Performance
from companion.session.timing.internal_clock import clamp_bpm
from companion.session.timing.musical_time import MusicalTime

JUST_BEHIND_BEATS = 1e-6


class WrittenTempos:
    """Follows the tempos of a song; does nothing without one, or while somebody else is the master."""

    def __init__(self, time: MusicalTime, performance: Performance) -> None:
        self._time = time
        self._performance = performance
        self._next_beats = 0.0  # session position where a tempo may be written next

    def due_seconds(self) -> float | None:
        """Return when the next tempo may be due, or None if no tempos are followed."""
        if self._time.songbook.song is None or self._time.master is None:
            return None
        return self._time.to_seconds(self._next_beats)

    def restart(self, position: float) -> None:
        """Follow the tempos from here on (session beats)."""
        self._next_beats = position

    def pass_due(self, now: float) -> None:
        """Apply each tempo at its own place, even if we wake late, so that errors do not add up."""
        time = self._time
        while self._performance.running and (due := self.due_seconds()) is not None and now >= due:
            place = time.timeline.locate(self._next_beats + JUST_BEHIND_BEATS)
            self.follow(due)
            change = time.songbook.next_tempo_change(time.timeline.song_bar(place.bar), place.beat)
            line = time.timeline.start(place.bar)
            self._next_beats = time.timeline.end(place.bar) if change is None else line + change

    def follow(self, now: float) -> None:
        """Play at the tempo written here, times the tempo factor, from `now` on (which may lie slightly in the past)."""
        time = self._time
        if time.master is None or time.songbook.song is None:
            return
        place = time.timeline.locate(max(0.0, time.position(now) + JUST_BEHIND_BEATS))
        bpm = time.songbook.bpm_at(time.timeline.song_bar(place.bar), place.beat)
        if bpm is not None and abs(clamp_bpm(bpm * time.tempo_factor) - time.clock.bpm) > 1e-9:
            time.master.set_bpm(bpm * time.tempo_factor, now)
