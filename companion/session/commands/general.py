"""The player's wishes: one method `do_NAME` for every command, with the command's arguments as keywords.

Wrong names or arguments become a notice. See `events.Command` for the list.
"""

from __future__ import annotations

import inspect
from dataclasses import replace
from typing import Any

from companion.music import TimeSignature
from companion.session.api import limits
from companion.session.api.commands import Command, Refused, arguments_of
from companion.session.commands.arguments import BadArgument, number, switch, whole
from companion.session.commands.lane_commands import LaneCommands
from companion.session.timing.internal_clock import InternalClock

MAX_LATENCY_SECONDS = 1.0


class Commanding(LaneCommands):
    """Commands. Bars in arguments are session bars, except for `seek`."""

    recording: bool = False

    def receive_command(self, wish: object, now: float) -> None:
        """Do what a command says."""
        assert isinstance(wish, Command)
        if isinstance(wish, Refused):
            self.notice(wish.reason, "warning")
            return
        if any(extension.command(self, wish, now) for extension in self.extensions):
            return
        method = getattr(self, f"do_{wish.command_name}", None)
        if method is None:
            self.notice(f"unknown command: {wish.command_name}", "warning")
            return
        arguments = arguments_of(wish)
        try:
            inspect.signature(method).bind(now, **arguments)
        except TypeError as error:
            self.notice(f"{wish.command_name}: {error}", "warning")
            return
        try:
            method(now, **arguments)
        except (BadArgument, ValueError, TypeError) as error:
            self.notice(f"{wish.command_name.replace('_', ' ')}: {error}", "warning")

    # -- transport ----------------------------------------------------------------------------------------------------

    def do_start(self, now: float) -> None:
        """From the beginning, with the count-in."""
        self._need_master()
        self.start_master(now, 0)

    def do_continue(self, now: float) -> None:
        """From where the music rests."""
        self._need_master()
        if not self.running:
            self.start_master(now)

    def do_stop(self, now: float) -> None:
        """Rest here."""
        self._need_master()
        self.stop_master(now)

    def do_toggle(self, now: float) -> None:
        """Stop, or go on."""
        self.do_stop(now) if self.running else self.do_continue(now)

    def do_seek(self, now: float, bar: Any) -> None:
        """To a bar of the song (or counted from the start)."""
        self._need_master()
        song_bar = whole("bar", bar, 0, 100_000)
        if self.running:
            self.start_master(now, song_bar, count_in=False)
        else:
            self.rewind(song_bar)

    def do_tap(self, now: float) -> None:
        """One beat of a tempo."""
        if (bpm := self.taps.tap(now)) is not None:
            self.do_set_tempo(now, bpm)

    def do_set_tempo(self, now: float, bpm: Any) -> None:
        """BPM; with a song this changes the practice factor."""
        self._need_master()
        bpm = number("bpm", bpm, *limits.BPM.range)
        assert isinstance(self.clock, InternalClock)
        place = self.timeline.locate(max(0.0, self.position(now)))
        written = self.songbook.bpm_at(self.timeline.song_bar(place.bar), place.beat)
        if written:
            self.tempo_factor = bpm / written
        self.clock.set_bpm(bpm, now)

    def do_set_tempo_factor(self, now: float, factor: Any) -> None:
        """Share of the written tempo."""
        factor = number("factor", factor, 0.1, 4.0)
        if isinstance(self.clock, InternalClock):
            self.clock.set_bpm(self.clock.bpm * factor / self.tempo_factor, now)
        self.tempo_factor = factor

    def do_set_time_signature(self, now: float, numerator: Any, denominator: Any) -> None:
        """From the next bar on that is not decided yet."""
        top, bottom = whole("numerator", numerator, 1, 64), whole("denominator", denominator, 1, 64)
        if bottom & (bottom - 1):
            raise BadArgument("the denominator must be a power of two")
        meter = TimeSignature(top, bottom)
        self.songbook.default_meter = meter
        self.settings = replace(self.settings, clock=replace(self.settings.clock, time_signature=meter))
        self.relay(now)

    def relay(self, now: float) -> None:
        """Lay the bars to come out anew: their meters or their order have changed."""
        if not self.running and self.committed_bar < 0:
            self.timeline.jump(-1, 0)
            return
        after = max(self.committed_bar, self.bar, self.timeline.segment_bar if self.counting_in else -1)
        self.timeline.relay(after)
        self.plan.forget_from(after + 1)
        self.forget_requests(after + 1)
        if self.running and self.checkpoint is not None:
            self.prefill(now)

    def do_set_clock_source(self, now: float, source: Any) -> None:
        """ "external" or "internal"; stops the music."""
        if source not in ("external", "internal"):
            raise BadArgument('source must be "external" or "internal"')
        if self.is_master == (source == "internal"):
            return
        self.stop_master(now)
        self._halt(now)
        self.clock = self._make_clock(source, self.clock.bpm)
        self._resting_position = None
        self.settings = replace(self.settings, clock=replace(self.settings.clock, source=source))

    def do_click(self, now: float, on: Any = None) -> None:
        """The metronome; without `on` the other way round."""
        self.click = switch(on, self.click)
        if self.running and self.click and not self.counting_in and self.bar >= 0:
            self._schedule_click(self.bar, self.position(now))
        elif not self.click:
            self.scheduler.cancel(-1)

    def do_wait(self, now: float, bars: Any) -> None:
        """The companion rests for so many bars from the next on."""
        self.wait_bars = whole("bars", bars, 0, 10_000)
        if self.running:
            self.entry_bar = max(self.bar + 1 + self.wait_bars, self.context_bar + self._bars_to_wait())

    def _need_master(self) -> None:
        if not self.is_master:
            raise BadArgument("the MIDI clock decides; switch to the internal clock first")

    # -- bars ---------------------------------------------------------------------------------------------------------

    def do_regenerate(self, now: float, bar: Any = None) -> None:
        """A bar to come, once more; without `bar` the next."""
        bar = self._coming(bar)
        if not self.running:
            raise BadArgument("nothing plays")
        if self.checkpoint is None:
            raise BadArgument("the engine is not ready")
        if not self.regenerate(bar, now):
            raise BadArgument(f"{self._named(bar)} is locked, or nobody plays in it")

    def do_keep(self, now: float, on: Any = None, bar: Any = None) -> None:
        """Repeat a bar of our parts (the present one) instead of generating; off: generate again."""
        if not switch(on, self.kept_bar is not None):
            self.kept_bar = None
            return
        kept = max(self.bar, 0) if bar is None else whole("bar", bar, 0, self.committed_bar)
        self.kept_bar = kept
        self.kept_notes = {lane.index: self.plan.notes(lane.index, kept) for lane in self.lanes_of("companion")}
        self._cancel_flight()

    def do_lock(self, now: float, bar: Any = None, on: Any = True) -> None:
        """A bar to come stays as planned."""
        bar = self._coming(bar)
        if not self.plan.lock([lane.index for lane in self.lanes_of("companion")], bar, bool(on)):
            raise BadArgument(f"{self._named(bar)} has no plan yet")

    def do_undo(self, now: float) -> None:
        """Take the last regenerate or lock back."""
        bar = self.plan.undo()
        if bar is None:
            raise BadArgument("nothing to undo")
        self.notice(f"{self._named(bar)} is as it was")
        if self.in_flight and self.in_flight.bar == bar:
            self._cancel_flight()
            self.asked_bar = max(self.asked_bar, bar)

    def _coming(self, bar: Any) -> int:
        if bar is None:
            return self.committed_bar + 1
        number = whole("bar", bar, 0, 1_000_000)
        if number <= self.committed_bar:
            raise BadArgument(f"{self._named(number)} is already decided")
        return number

    def _named(self, bar: int) -> str:
        """A bar as the player counts it."""
        return f"bar {self.timeline.song_bar(bar) + 1}"

    # -- the rest -----------------------------------------------------------------------------------------------------

    def do_thru(self, now: float, on: Any = None) -> None:
        """Whether what is played in is also played out."""
        self.set_thru(switch(on, self.thru), now)

    def do_set_latency(self, now: float, port: Any, seconds: Any) -> None:
        """Of an output port; positive is sent earlier."""
        self.scheduler.set_latency(str(port), number("seconds", seconds, -MAX_LATENCY_SECONDS, MAX_LATENCY_SECONDS))

    def do_transpose(self, now: float, semitones: Any) -> None:
        """The song's written parts; drums stay."""
        self.songbook.transpose = whole("semitones", semitones, -48, 48)

    def do_learn(self, now: float, action: Any) -> None:
        """The next control that moves will do this; "" forgets the wish."""
        self.learning = str(action)

    def do_record(self, now: float, on: Any = None) -> None:
        """Whether the shell records."""
        self.recording = switch(on, self.recording)
