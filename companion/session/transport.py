"""The clock's states become starts, stops and jumps of the session; positions become bar lines.

`advance(now)` does everything that is due: clock, commits, bar lines, requests, notes. It is called before and after every event, and at
`next_timer()`.
"""

from __future__ import annotations

from companion.midi.messages import ClockMessage
from companion.session.requests.head_start import Preparing
from companion.session.state import NEVER
from companion.session.timing.external_clock import ExternalClock
from companion.session.timing.internal_clock import InternalClock, TapTempo, clamp_bpm

CONTIGUOUS_BEATS = 1.5 / 24
AFTER_BEAT = (
    1 / 8
)  # prefills come this much after each beat: the player's note on it is in, ours is out, none is on the grid
NOTE_COMES_SECONDS, NOTE_GONE_SECONDS = 0.004, 0.0005  # a request waits for a note so near, and goes when that is out
MAX_SKIP_BEATS = 16.0  # a clock that was lost may come back this much further on in the same music


class Transport(Preparing):
    """Clock and bar lines. All methods take `now` in seconds."""

    taps: TapTempo
    _resting_position: float | None = None  # clock position where the music rested; None = nothing played since a start
    _next_beat: float = 0.0  # session position of the next prefill
    _next_tempo: float = 0.0  # session position where a tempo may be written next
    _counting_from: float | None = None
    _first_position: float = 0.0  # clock position of the first bar line after a count-in
    _was_lost: bool = False

    # -- what is due --------------------------------------------------------------------------------------------------

    def next_timer(self) -> float | None:
        """When `handle_timer` is needed next; None = only when an event comes."""
        due = self.clock.next_timer()
        due = NEVER if due is None else due
        if self.running:
            due = min(
                due,
                self.to_seconds(self.timeline.start(self.bar + 1)),
                self.commit_seconds(self.committed_bar + 1) if self.committed_bar <= self.bar else NEVER,
                self.request_seconds(),
                self.to_seconds(self._next_beat),
                self.to_seconds(self._next_tempo) if self._plays_written_tempos() else NEVER,
                self.scheduler.next_due(self.to_seconds),
            )
        return None if due == NEVER else due

    def advance(self, now: float) -> None:
        """Do everything due by `now`."""
        if isinstance(self.clock, InternalClock):
            self._pass_written_tempos(now)
            self._send_clock(self.clock.due(now))
        else:
            self.clock.handle_timer(now)
            self._follow(now)
        if not self.running:
            self._prepare_start(now)
            return
        self.scheduler.run(now, self.to_seconds)
        while self.running and self._pass_bar_line(now):
            self.scheduler.run(now, self.to_seconds)
        if self.running:
            self._ask_engine(now)

    def _prepare_start(self, now: float) -> None:
        """With a song, unless the music goes on from where it rests: the first bar is made now."""
        if self._resting_position is None and (place := self.resume_place(self.position(now))) is not None:
            self.prepare(place[0], now)

    def _ask_engine(self, now: float) -> None:
        """Requests and prefills that are due, but not just before a note: laying out a window takes a moment."""
        if now >= self.request_seconds():
            note_due = self.scheduler.next_due(self.to_seconds)
            if now < note_due <= now + NOTE_COMES_SECONDS and not self.requests_held_until:
                self.requests_held_until = note_due + NOTE_GONE_SECONDS
            else:
                self.requests_held_until = 0.0
                self.request_due(now)
        if now >= self.to_seconds(self._next_beat):
            self._next_beat = max(self._next_beat + 1, self.position(now))
            self.prefill(now)

    def _pass_bar_line(self, now: float) -> bool:
        """At most one bar's commit or line; whether there was one."""
        if self.committed_bar <= self.bar and now >= self.commit_seconds(self.committed_bar + 1):
            self.commit_bar(self.committed_bar + 1, now)
            return True
        if now >= self.to_seconds(self.timeline.start(self.bar + 1)):
            self._begin_bar(self.bar + 1, now)
            return True
        return False

    def _begin_bar(self, bar: int, now: float) -> None:
        self.bar = bar
        self._counting_from = None
        self._next_beat = self.timeline.start(bar) + AFTER_BEAT
        if self.is_master and self.songbook.song and self.timeline.song_bar(bar) >= self.songbook.bar_count:
            self.stop_master(now)
            self.rewind(0)
            self.notice("end of the song")
            return
        self.new_bar(now)
        for extension in self.extensions:
            extension.bar_started(self, bar, now)

    # -- the clock ----------------------------------------------------------------------------------------------------

    def receive_clock(self, message: ClockMessage, now: float) -> None:
        """A clock message from outside; ignored where we are the master."""
        if isinstance(self.clock, ExternalClock):
            was_running = self.clock.state == "running"
            self.clock.receive(message, now)
            if was_running and self.clock.state != "running":
                self._halt(now)
            self._follow(now)

    def _follow(self, now: float) -> None:
        """Do what the clock's state asks for."""
        if self.running and self.clock.state != "running":
            self._halt(now)
            self._was_lost = self.clock.state == "lost"
            if self._was_lost:
                self.counters["clock_losses"] += 1
                self.notice("no clock: silent until it is back", "warning")
        elif not self.running and self.clock.state == "running":
            self._enter(self.clock.position_at(now), now)

    def _send_clock(self, messages: list[tuple[ClockMessage, float]]) -> None:
        if self.settings.clock.send_clock:
            for message, due in messages:
                self.send("", message, due)

    def _plays_written_tempos(self) -> bool:
        return self.songbook.song is not None and isinstance(self.clock, InternalClock)

    def _pass_written_tempos(self, now: float) -> None:
        """Each written tempo from the very place where it is written, however late we wake: errors must not add up."""
        while self.running and self.songbook.song is not None and now >= self.to_seconds(self._next_tempo):
            place = self.timeline.locate(self._next_tempo + 1e-6)
            self.follow_song_tempo(self.to_seconds(self._next_tempo))
            change = self.songbook.next_tempo_change(self.timeline.song_bar(place.bar), place.beat)
            line = self.timeline.start(place.bar)
            self._next_tempo = self.timeline.end(place.bar) if change is None else line + change

    def follow_song_tempo(self, now: float) -> None:
        """As master with a song: its written tempo times the practice factor, from `now` (which may be a little ago) on."""
        if isinstance(self.clock, InternalClock) and self.songbook.song is not None:
            place = self.timeline.locate(max(0.0, self.position(now) + 1e-6))
            bpm = self.songbook.bpm_at(self.timeline.song_bar(place.bar), place.beat)
            if bpm is not None and abs(clamp_bpm(bpm * self.tempo_factor) - self.clock.bpm) > 1e-9:
                self.clock.set_bpm(bpm * self.tempo_factor, now)

    # -- starting, stopping, jumping ----------------------------------------------------------------------------------

    def start_master(self, now: float, song_bar: int | None = None, count_in: bool = True) -> None:
        """As master: run from a song bar, or go on from where the music rests."""
        if not isinstance(self.clock, InternalClock):
            return
        self.stop_master(now)
        if song_bar is None and self._resting_position is not None and self._resting_position > 0:
            self._send_clock(self.clock.start(self.clock.position_at(now), now, located=False))
        else:
            if song_bar is None:
                song_bar = self.songbook.locate(max(0.0, self.clock.position_at(now)))[0]
            first = self._first_song_bar(song_bar)
            self._resting_position = None
            bars = self.settings.clock.count_in_bars if count_in else 0
            beats = bars * float(self._meter_of(first).beats)
            if (bpm := self.songbook.bpm_at(first)) is not None:
                self.clock.set_bpm(bpm * self.tempo_factor, now)
            self._first_position = self.songbook.start(first)
            self._send_clock(self.clock.start(self._first_position, now, beats))
        self._enter(self.clock.position_at(now), now, self._resting_position is None)
        self.advance(now)

    def stop_master(self, now: float) -> None:
        """As master: rest."""
        if isinstance(self.clock, InternalClock) and self.running:
            self._send_clock(self.clock.stop(now))
            self._halt(now)

    def rewind(self, song_bar: int) -> None:
        """As master, stopped: the next start begins at this song bar."""
        if isinstance(self.clock, InternalClock):
            self.clock.locate(self.songbook.start(song_bar))
            self._resting_position = None

    def _halt(self, now: float) -> None:
        """The music stops: silence, and nothing that was asked for matters any more."""
        if not self.running:
            return
        self._resting_position = self.clock.position_at(now)
        end = self._resting_position + self.offset_beats
        self.running = False
        self.scheduler.stop(now)
        self.capture.end_all(end)
        self.forget_requests(self.committed_bar + 1)
        for extension in self.extensions:
            extension.stopped(self, now)

    def _enter(self, clock_position: float, now: float, jump: bool = False) -> None:
        """The music begins, or goes on, at a position of the clock (before `_first_position` while counting in)."""
        rested = self._resting_position
        reach = MAX_SKIP_BEATS if self._was_lost else CONTIGUOUS_BEATS
        contiguous = not jump and rested is not None and -CONTIGUOUS_BEATS < clock_position - rested < reach
        self.running, self._was_lost = True, False
        if contiguous and clock_position > CONTIGUOUS_BEATS and self.bar >= 0:
            position = clock_position + self.offset_beats
            for bar in range(self.bar, self.committed_bar + 1):
                self.replay_bar(bar, position)
            self.forget_requests(self.committed_bar + 1)
            self._next_beat = self._next_tempo = position
            return
        self._jump(clock_position, now)

    def _jump(self, clock_position: float, now: float) -> None:
        """A new stretch of session bars begins: at a start from 0 with nothing heard before, else with what was heard."""
        begin = max(clock_position, self._first_position)
        self._first_position = 0.0
        song_bar, beat = self.songbook.locate(begin)
        song_bar = self._first_song_bar(song_bar)
        bar = self.timeline.jump(self.bar, song_bar)
        self.offset_beats = self.timeline.start(bar) + beat - begin
        self.take_prepared(bar, song_bar)
        self.capture.forget_from(bar)
        self.bar = self.committed_bar = bar - 1
        position = clock_position + self.offset_beats
        if clock_position <= CONTIGUOUS_BEATS or song_bar == self._first_song_bar(0):
            self.context_bar = bar
            self.entry_bar = bar + self._bars_to_wait()
        self.kept_bar = None
        self.send_programs(now)
        self._next_beat = self.timeline.start(bar)
        self._next_tempo = self._next_beat + beat
        if beat > CONTIGUOUS_BEATS:
            self.commit_bar(bar, now, position)
            self._begin_bar(bar, now)
        elif clock_position < begin:
            self._counting_from = position
            self._count_in(bar, position)

    def resume_place(self, position: float) -> tuple[int, float] | None:
        """(song bar, beats into it) where the music at rest will begin, if that is not where it stopped (else None)."""
        clock_position, rested = position - self.offset_beats, self._resting_position
        if self.running or clock_position < 0:
            return None
        if rested is not None and abs(clock_position - rested) < CONTIGUOUS_BEATS:
            return None
        song_bar, beat = self.songbook.locate(clock_position)
        first = self._first_song_bar(song_bar)
        return first, beat if first == song_bar else 0.0

    def _bars_to_wait(self) -> int:
        """Bars before the companion enters: those asked for, but at least one to hear, unless a song is written."""
        return max(self.wait_bars, 0 if self.songbook.song is not None else 1)

    def _count_in(self, bar: int, position: float) -> None:
        """Clicks before the first bar line, in its meter."""
        meter = self.timeline.meter(bar)
        line, step = self.timeline.start(bar), 4 / meter.denominator
        count = round((line - position) / step)
        for beat in range(count):
            self._schedule_one_click(bar, line - (count - beat) * step, beat % meter.numerator == 0)

    @property
    def counting_in(self) -> bool:
        """Whether the count-in runs."""
        return self.running and self._counting_from is not None
