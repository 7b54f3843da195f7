"""Starts, stops and jumps: turns the clock's states into stretches of bars.

A start that goes on where the music rests takes up its bars. Any other start begins a new stretch of session bars; the bars heard
before stay as history. See `states` for what may happen when.
"""

from __future__ import annotations

from companion.midi.messages import ClockMessage
from companion.session.api.settings import ClockSettings, ClockSource
from companion.session.extensions import Extensions
from companion.session.input.capture import Capture
from companion.session.output.click import Metronome
from companion.session.output.decisions import Decisions
from companion.session.output.outbox import Outbox
from companion.session.output.plan import Plan
from companion.session.output.playback import Playback
from companion.session.performance import Performance
from companion.session.requests.head_start import HeadStart
from companion.session.requests.requests import AFTER_BEAT, Requests
from companion.session.timing.musical_time import MusicalTime
from companion.session.transport.states import Happening, State, TransportState
from companion.session.transport.written_tempos import WrittenTempos

CONTIGUOUS_BEATS = 1.5 / 24
MAX_SKIP_BEATS = 16.0  # a lost clock may return this much later in the same music
# A master that starts elsewhere this soon after a stop has closed a loop: for the players the music has gone on.
SEAM_SECONDS = 0.35


class Transport:
    """The transport of a session.

    All methods take `now` in seconds. Clock positions count from the master's start, session positions from our own.
    """

    def __init__(
        self,
        state: TransportState,
        settings: ClockSettings,
        time: MusicalTime,
        performance: Performance,
        tempos: WrittenTempos,
        playback: Playback,
        decisions: Decisions,
        metronome: Metronome,
        plan: Plan,
        requests: Requests,
        head_start: HeadStart,
        capture: Capture,
        extensions: Extensions,
        outbox: Outbox,
    ) -> None:
        self._state, self._settings = state, settings
        self._time, self._performance, self._tempos = time, performance, tempos
        self._playback, self._decisions, self._metronome = playback, decisions, metronome
        self._plan = plan
        self._requests, self._head_start = requests, head_start
        self._capture, self._extensions, self._outbox = capture, extensions, outbox
        self._resting_position = 0.0  # clock position where the music stopped last
        self._rests_since = float("-inf")  # seconds
        self._was_playing = False  # before it stopped
        self._first_position = 0.0  # clock position of the first bar line after a count-in

    # -- the clock ----------------------------------------------------------------------------------------------------

    def receive_clock(self, message: ClockMessage, now: float) -> None:
        """Handle an external clock message. Ignored if we are the master."""
        if (clock := self._time.follower) is not None:
            was_running, before = clock.state == "running", clock.position_at(now)
            clock.receive(message, now)
            if was_running and clock.state != "running":
                # An armed clock gives the place where it will begin, not where the music was.
                self._halt(now, position=before if clock.state == "armed" else None)
            self.follow_clock(now)

    def follow_clock(self, now: float) -> None:
        """Do what the state of the master's clock asks for."""
        state = self._time.clock.state
        if self._state.running and state != "running":
            self._halt(now, lost=state == "lost")
            if state == "lost":
                self._outbox.count("clock_losses")
                self._outbox.notice("no clock: silent until it is back", "warning")
        elif not self._state.running and state == "running":
            self._enter(self._time.clock.position_at(now), now)

    def send_clock(self, messages: list[tuple[ClockMessage, float]]) -> None:
        """As master, send the clock to others if that is switched on."""
        if self._settings.send_clock:
            for message, due in messages:
                self._outbox.send("", message, due)

    # -- starting and stopping ----------------------------------------------------------------------------------------

    def start(self, now: float, song_bar: int | None = None, count_in: bool = True) -> None:
        """As master, run from a song bar or go on from where the music rests."""
        clock = self._time.master
        if clock is None:
            return
        self.stop(now)
        resting = self._rests_at()
        if song_bar is None and resting is not None and resting > 0:
            self.send_clock(clock.start(clock.position_at(now), now, located=False))
            self._enter(clock.position_at(now), now)
            return
        songbook = self._time.songbook
        if song_bar is None:
            song_bar = songbook.locate(max(0.0, clock.position_at(now)))[0]
        first = self._extensions.first_song_bar(song_bar)
        self._state.happened(Happening.REWIND)
        counted, intro = self._settings.count_in_bars if count_in else 0, self._intro_before(first)
        beats, _ = songbook.count_in(first, counted)
        if intro:
            beats = counted * float(songbook.meter_at(-intro).beats) + self._intro_beats(intro)
        if (bpm := songbook.bpm_at(first)) is not None:
            clock.set_bpm(bpm * self._time.tempo_factor, now)
        self._first_position = songbook.start(first)
        self.send_clock(clock.start(self._first_position, now, beats))
        self._enter(clock.position_at(now), now)

    def stop(self, now: float) -> None:
        """As master, stop."""
        if (clock := self._time.master) is not None and self._state.running:
            self.send_clock(clock.stop(now))
            self._halt(now)

    def rewind(self, song_bar: int) -> None:
        """As a stopped master, let the next start begin at this song bar."""
        if (clock := self._time.master) is not None:
            clock.locate(self._time.songbook.start(song_bar))
            self._state.happened(Happening.REWIND)

    def use_source(self, source: ClockSource, now: float) -> None:
        """Use another ClockSource. The music stops, and the next start begins a new stretch."""
        self.stop(now)
        self._halt(now)
        self._time.use_source(source)
        self._state.happened(Happening.REWIND)

    def wake(self, now: float) -> None:
        """Recover after a sleep of the machine, when the position of the music is unknown.

        Our own clock starts the bar over. A master's clock is lost until its next tick, and then goes on from where it was heard last."""
        if not self._state.running:
            return
        if (clock := self._time.follower) is not None:
            clock.lose()
            self.follow_clock(now)
        else:
            self.start(now, self._time.songbook.locate(max(0.0, self._time.clock.position_at(now)))[0])

    def close(self, now: float) -> None:
        """End the music."""
        self.stop(now)
        self._halt(now)

    def follow_tempo(self, now: float) -> None:
        """Adopt the song's tempo, multiplied by the tempo factor."""
        self._tempos.follow(now)

    def begin_again(self, now: float) -> None:
        """As master, while counting in: start once more from the beginning."""
        if self._time.master is not None and self._state.counting_in:
            self.start(now, 0)

    def finish(self, now: float) -> None:
        """Handle the end of the music. As master, stop; the next start begins a new stretch. An external clock runs on."""
        if self._time.master is not None:
            self.stop(now)
            self.rewind(0)

    def resume_place(self, position: float) -> tuple[int, float] | None:
        """Return (song bar, beats into it) where resting music will begin, or None if that is where it stopped."""
        clock_position, resting = position - self._time.offset_beats, self._rests_at()
        if self._state.running or clock_position < 0:
            return None
        if resting is not None and abs(clock_position - resting) < CONTIGUOUS_BEATS:
            return None
        song_bar, beat = self._time.songbook.locate(clock_position)
        first = self._extensions.first_song_bar(song_bar)
        return first, beat if first == song_bar else 0.0

    # -- bars ---------------------------------------------------------------------------------------------------------

    def prepare_start(self, now: float) -> None:
        """Make a song's first bar while the music rests, unless it will go on from where it stopped."""
        if self._state.state is State.FRESH and (place := self.resume_place(self._time.position(now))) is not None:
            intro = self._intro_before(place[0])
            self._head_start.prepare(-intro if intro else place[0], now, begins=place[0])

    def begin_bar(self, bar: int, now: float) -> None:
        """Pass a bar line. After a song's last bar the music ends."""
        timeline, songbook = self._time.timeline, self._time.songbook
        self._performance.begin(bar)
        self._state.happened(Happening.BAR_LINE)
        self._requests.prefill_from(timeline.start(bar) + AFTER_BEAT)
        if self._time.master and songbook.song and timeline.song_bar(bar) >= songbook.bar_count:
            self.stop(now)
            self.rewind(0)
            self._outbox.notice("end of the song")
            return
        self._requests.new_bar(bar, now)
        self._extensions.bar_started(bar, now)

    def relay(self, now: float) -> None:
        """Lay out the coming bars again, because their meters or their order have changed."""
        performance, timeline = self._performance, self._time.timeline
        if not self._state.running and performance.committed_bar < 0:
            timeline.jump(-1, 0)
            return
        first = timeline.segment_bar if self._state.counting_in else -1
        after = max(performance.committed_bar, performance.bar, first)
        timeline.relay(after)
        self._plan.forget_from(after + 1)
        self._requests.forget(after + 1)
        if self._state.running:
            self._requests.prefill(now)

    # -- inside -------------------------------------------------------------------------------------------------------

    def _rests_at(self) -> float | None:
        """Return the clock position where the music rests, or None if the next start begins a new stretch."""
        return None if self._state.state is State.FRESH else self._resting_position

    def _halt(self, now: float, lost: bool = False, position: float | None = None) -> None:
        """Stop the music: silence it and drop all requests. position: where the clock stops, if not at its current position."""
        if not self._state.running:
            return
        self._resting_position = self._time.clock.position_at(now) if position is None else position
        self._rests_since = now
        self._was_playing = self._state.state is State.PLAYING
        self._state.happened(Happening.LOSE_CLOCK if lost else Happening.STOP)
        self._playback.rest(now)
        self._capture.end_all(self._resting_position + self._time.offset_beats)
        self._requests.forget(self._performance.committed_bar + 1)
        self._extensions.stopped(now)

    def _enter(self, clock_position: float, now: float) -> None:
        """Begin or continue the music at a position of the clock (before `_first_position` while counting in)."""
        resting = self._rests_at()
        reach = MAX_SKIP_BEATS if self._state.state is State.LOST else CONTIGUOUS_BEATS
        contiguous = resting is not None and -CONTIGUOUS_BEATS < clock_position - resting < reach
        if contiguous and clock_position > CONTIGUOUS_BEATS and self._performance.bar >= 0:
            self._go_on(clock_position + self._time.offset_beats)
        else:
            self._jump(clock_position, now, self._is_seam(now))

    def _is_seam(self, now: float) -> bool:
        """Whether the master has only closed a loop, because it goes on elsewhere at once on a bar line."""
        follows = self._time.follower is not None and self._was_playing and self._state.state is State.RESTING
        return follows and now - self._rests_since <= SEAM_SECONDS and self._stopped_on_a_line()

    def _rested_beats(self) -> float:
        """Return the session position where the music stopped last."""
        return self._resting_position + self._time.offset_beats

    def _stopped_on_a_line(self) -> bool:
        """Whether it stopped on a bar line, or close to one."""
        timeline, position = self._time.timeline, self._rested_beats()
        place = timeline.locate(position)
        return place.beat < CONTIGUOUS_BEATS or timeline.end(place.bar) - position < CONTIGUOUS_BEATS

    def _go_on(self, position: float) -> None:
        """Go on from where the music rests (session beats), and play the rest of the decided bars only."""
        performance = self._performance
        before_first = performance.bar < self._time.timeline.segment_bar
        self._state.happened(Happening.COUNT_IN if before_first else Happening.PLAY)
        for bar in range(performance.bar, performance.committed_bar + 1):
            self._playback.replay_bar(bar, position)
        self._requests.forget(performance.committed_bar + 1)
        self._requests.prefill_from(position)
        self._tempos.restart(position)

    def _jump(self, clock_position: float, now: float, seam: bool = False) -> None:
        """Begin a new stretch of session bars. A start from 0 forgets what was heard; any other start keeps it.

        seam: a master's loop has come round. History then counts, the companion does not wait, and the plan for the coming bar is played.
        """
        time, performance = self._time, self._performance
        begin = max(clock_position, self._first_position)
        self._first_position = 0.0
        song_bar, beat = time.songbook.locate(begin)
        song_bar = self._extensions.first_song_bar(song_bar)
        within = beat > CONTIGUOUS_BEATS
        intro = 0 if seam or within or clock_position > CONTIGUOUS_BEATS else self._intro_before(song_bar)
        before = self._intro_beats(intro) if self._time.master is not None else 0.0  # beats of it before our clock's 0
        counting = not within and clock_position < begin - before - 1e-6
        self._state.happened(Happening.COUNT_IN if counting else Happening.PLAY)
        after = performance.bar
        if seam and after > 0 and self._rested_beats() - time.timeline.start(after) < CONTIGUOUS_BEATS:
            after -= 1  # the bar that has just begun is the bar that begins here
        as_planned = seam and (time.songbook.song is None or time.timeline.song_bar(after + 1) == song_bar)
        begins = -intro if intro else song_bar
        bar = time.timeline.jump(after, begins)
        line = time.timeline.start(bar)
        if not self._extensions.introduces(bar, intro) and intro:
            self._metronome.count_in(bar + intro, line, time.timeline.meter(bar))
        time.place(line + before + beat - begin)
        if not as_planned:
            self._head_start.take(bar, begins)
        self._capture.forget_from(bar)
        performance.jump(bar)
        if not seam and (clock_position <= CONTIGUOUS_BEATS or song_bar == self._extensions.first_song_bar(0)):
            performance.hear_from(bar)
            performance.enter_after_waiting(bar + intro)
            if intro and not performance.wait_bars:
                performance.enter_at(bar)
        self._decisions.keep_nothing()
        self._playback.send_programs(now)
        self._requests.prefill_from(line)
        self._tempos.restart(line + beat)
        position = clock_position + time.offset_beats
        if within:
            self._playback.commit_bar(bar, position)
            self.begin_bar(bar, now)
        elif counting:
            meter = time.timeline.meter(bar) if intro else time.songbook.count_in(song_bar, 1)[1]
            self._metronome.count_in(bar, position, meter)

    def _intro_before(self, song_bar: int) -> int:
        """Return how many bars of intro come before a start with this song bar: only before the first."""
        return self._extensions.intro_bars() if song_bar == self._extensions.first_song_bar(0) else 0

    def _intro_beats(self, bars: int) -> float:
        return sum(float(self._time.songbook.meter_at(-bar).beats) for bar in range(1, bars + 1))
