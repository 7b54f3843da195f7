"""The player's wishes: one method `do_NAME` for every command, with the command's arguments as keywords.

Wrong names or arguments become a notice. See `events.Command` for the list.
"""

from __future__ import annotations

import inspect
from dataclasses import fields, replace
from typing import Any

from companion.music import TimeSignature
from companion.session.core import NEVER
from companion.session.effects import LoadModel
from companion.session.events import Command
from companion.session.internal_clock import MAX_BPM, MIN_BPM, InternalClock
from companion.session.lanes import Lane, audible, make_lane
from companion.session.listening import Listening
from companion.session.messages import ProgramChange
from companion.session.settings import ModelSettings, Sampling, TrackSettings

MAX_LATENCY_SECONDS = 1.0
MAX_LANES = 32


class BadArgument(ValueError):
    """A command that cannot be obeyed; the text is the notice."""


class Commanding(Listening):
    """Commands. Bars in arguments are session bars, except for `seek`."""

    recording: bool = False

    def receive_command(self, wish: object, now: float) -> None:
        """Do what a command says."""
        assert isinstance(wish, Command)
        if any(extension.command(self, wish, now) for extension in self.extensions):
            return
        method = getattr(self, f"do_{wish.name}", None)
        if method is None:
            self.notice(f"unknown command: {wish.name}", "warning")
            return
        arguments = dict(wish.arguments)
        try:
            inspect.signature(method).bind(now, **arguments)
        except TypeError as error:
            self.notice(f"{wish.name}: {error}", "warning")
            return
        try:
            method(now, **arguments)
        except (BadArgument, ValueError, TypeError) as error:
            self.notice(f"{wish.name}: {error}", "warning")

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
        song_bar = _whole("bar", bar, 0, 100_000)
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
        bpm = _number("bpm", bpm, MIN_BPM, MAX_BPM)
        assert isinstance(self.clock, InternalClock)
        place = self.timeline.locate(max(0.0, self.position(now)))
        written = self.songbook.bpm_at(self.timeline.song_bar(place.bar), place.beat)
        if written:
            self.tempo_factor = bpm / written
        self.clock.set_bpm(bpm, now)

    def do_set_tempo_factor(self, now: float, factor: Any) -> None:
        """Share of the written tempo."""
        factor = _number("factor", factor, 0.1, 4.0)
        if isinstance(self.clock, InternalClock):
            self.clock.set_bpm(self.clock.bpm * factor / self.tempo_factor, now)
        self.tempo_factor = factor

    def do_set_time_signature(self, now: float, numerator: Any, denominator: Any) -> None:
        """From the next bar on that is not decided yet."""
        top, bottom = _whole("numerator", numerator, 1, 64), _whole("denominator", denominator, 1, 64)
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
        self.click = _switch(on, self.click)
        if self.running and self.click and not self.counting_in and self.bar >= 0:
            self._schedule_click(self.bar, self.position(now))
        elif not self.click:
            self.scheduler.cancel(-1)

    def do_wait(self, now: float, bars: Any) -> None:
        """The companion rests for so many bars from the next on."""
        self.wait_bars = _whole("bars", bars, 0, 10_000)
        if self.running:
            self.entry_bar = max(self.bar + 1 + self.wait_bars, self.context_bar + self._bars_to_wait())

    def _need_master(self) -> None:
        if not self.is_master:
            raise BadArgument("the clock is somebody else's; switch to the internal clock first")

    # -- lanes --------------------------------------------------------------------------------------------------------

    def do_panic(self, now: float) -> None:
        """Silence everything, on every channel used."""
        self.scheduler.panic(now)
        self._thru_notes.clear()

    def do_mute(self, now: float, track: Any, on: Any = None) -> None:
        """A lane falls silent at once."""
        lane = self.lane(track)
        lane.muted = _switch(on, lane.muted)
        self._silence_unheard(now)

    def do_solo(self, now: float, track: Any, on: Any = None) -> None:
        """Only this lane of ours, and other soloed ones."""
        lane = self.lane(track)
        lane.solo = _switch(on, lane.solo)
        self._silence_unheard(now)

    def _silence_unheard(self, now: float) -> None:
        unheard = [lane.index for lane in self.lanes if not audible(lane, self.lanes)]
        self.scheduler.silence(now, unheard)

    def do_set_program(self, now: float, track: Any, program: Any) -> None:
        """Another instrument."""
        lane = self.lane(track)
        lane.program = _whole("program", program, 0, 127)
        if lane.role in ("companion", "backing"):
            self.scheduler.silence(now, [lane.index])
            self.send(lane.output_port, ProgramChange(lane.out_channel, lane.program), now, lane.index)

    def do_set_attribute(self, now: float, track: Any, name: Any, level: Any = None) -> None:
        """A control of the model; None lets it decide."""
        lane = self.lane(track)
        if level is None:
            lane.attributes = {key: value for key, value in lane.attributes.items() if key != name}
        else:
            lane.attributes = {**lane.attributes, str(name): _whole("level", level, 0, 127)}

    def do_set_role(self, now: float, track: Any, role: Any) -> None:
        """human, companion, backing or silent."""
        if role not in ("human", "companion", "backing", "silent"):
            raise BadArgument("role must be human, companion, backing or silent")
        lane = self.lane(track)
        self.scheduler.cancel(lane.index)
        self.scheduler.silence(now, [lane.index])
        fresh = make_lane(
            lane.index, TrackSettings(lane.name, role, channel=lane.channel, is_drum=lane.is_drum), self.lanes
        )
        lane.role, lane.channel = role, fresh.channel
        self._lanes_changed()

    def do_add_track(self, now: float, settings: Any) -> None:
        """A further lane."""
        if not isinstance(settings, TrackSettings):
            raise BadArgument("settings must be TrackSettings")
        if sum(not lane.removed for lane in self.lanes) >= MAX_LANES:
            raise BadArgument(f"no more than {MAX_LANES} tracks")
        lane = make_lane(len(self.lanes), settings, self.lanes)
        self.lanes.append(lane)
        self._lanes_changed()
        if lane.role in ("companion", "backing"):
            self.send(lane.output_port, ProgramChange(lane.out_channel, lane.program), now, lane.index)

    def do_remove_track(self, now: float, track: Any) -> None:
        """A lane leaves; the numbers of the others stay."""
        lane = self.lane(track)
        self.scheduler.cancel(lane.index)
        self.scheduler.silence(now, [lane.index])
        lane.removed = True
        self._lanes_changed()

    def lane(self, track: Any) -> Lane:
        """By its index; raises BadArgument."""
        number = _whole("track", track, 0, len(self.lanes) - 1)
        if self.lanes[number].removed:
            raise BadArgument(f"track {number} is gone")
        return self.lanes[number]

    # -- the model ----------------------------------------------------------------------------------------------------

    def do_set_sampling(self, now: float, **changes: Any) -> None:
        """Fields of Sampling."""
        sampling = _changed(self.settings.model.sampling, changes)
        limits = {"temperature": (0.01, 10.0), "top_p": (0.01, 1.0), "mask_p": (0.0, 0.99)}
        for name, (low, high) in limits.items():
            _number(name, getattr(sampling, name), low, high)
        self.settings = replace(self.settings, model=replace(self.settings.model, sampling=sampling))

    def do_set_model(self, now: float, **changes: Any) -> None:
        """Fields of ModelSettings; another checkpoint or engine is loaded while the music goes on."""
        before, model = self.settings.model, _changed(self.settings.model, changes)
        if not isinstance(model.sampling, Sampling):
            raise BadArgument("sampling must be Sampling")
        _whole("model_dim", model.model_dim, 0, 1024)
        _whole("takes", model.takes, 1, 16)
        self.settings = replace(self.settings, model=model)
        self.size = None
        if (model.checkpoint, model.engine) != (before.checkpoint, before.engine):
            self._cancel_flight()
            self.checkpoint = None
            self.engine_state = "loading"
            self.emit(LoadModel(model))

    # -- bars ---------------------------------------------------------------------------------------------------------

    def do_regenerate(self, now: float, bar: Any = None) -> None:
        """A bar to come, once more; without `bar` the next."""
        bar = self._coming(bar)
        if not self.running:
            raise BadArgument("nothing plays")
        if self.checkpoint is None:
            raise BadArgument("the engine is not ready")
        if not self.regenerate(bar, now):
            raise BadArgument(f"bar {bar + 1} is locked, or nobody plays in it")

    def do_keep(self, now: float, on: Any = None, bar: Any = None) -> None:
        """Repeat a bar of our parts (the present one) instead of generating; off: generate again."""
        if not _switch(on, self.kept_bar is not None):
            self.kept_bar = None
            return
        kept = max(self.bar, 0) if bar is None else _whole("bar", bar, 0, self.committed_bar)
        self.kept_bar = kept
        self.kept_notes = {lane.index: self.plan.notes(lane.index, kept) for lane in self.lanes_of("companion")}
        self._cancel_flight()

    def do_lock(self, now: float, bar: Any = None, on: Any = True) -> None:
        """A bar to come stays as planned."""
        bar = self._coming(bar)
        if not self.plan.lock([lane.index for lane in self.lanes_of("companion")], bar, bool(on)):
            raise BadArgument(f"bar {bar + 1} has no plan yet")

    def do_undo(self, now: float) -> None:
        """Take the last regenerate or lock back."""
        bar = self.plan.undo()
        if bar is None:
            raise BadArgument("nothing to undo")
        if self.in_flight and self.in_flight.bar == bar:
            self._cancel_flight()
            self.asked_bar = max(self.asked_bar, bar)

    def _coming(self, bar: Any) -> int:
        if bar is None:
            return self.committed_bar + 1
        number = _whole("bar", bar, 0, 1_000_000)
        if number <= self.committed_bar:
            raise BadArgument(f"bar {number + 1} is already decided")
        return number

    # -- the rest -----------------------------------------------------------------------------------------------------

    def do_thru(self, now: float, on: Any = None) -> None:
        """Whether what is played in is also played out."""
        self.set_thru(_switch(on, self.thru), now)

    def do_set_latency(self, now: float, port: Any, seconds: Any) -> None:
        """Of an output port; positive is sent earlier."""
        self.scheduler.set_latency(str(port), _number("seconds", seconds, -MAX_LATENCY_SECONDS, MAX_LATENCY_SECONDS))

    def do_transpose(self, now: float, semitones: Any) -> None:
        """The song's written parts; drums stay."""
        self.songbook.transpose = _whole("semitones", semitones, -48, 48)

    def do_learn(self, now: float, action: Any) -> None:
        """The next control that moves will do this; "" forgets the wish."""
        self.learning = str(action)

    def do_record(self, now: float, on: Any = None) -> None:
        """Whether the shell records."""
        self.recording = _switch(on, self.recording)


def _whole(name: str, value: Any, low: int, high: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise BadArgument(f"{name} must be a whole number")
    if not low <= value <= high:
        raise BadArgument(f"{name} must be from {low} to {high}")
    return value


def _number(name: str, value: Any, low: float, high: float) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value != value or abs(value) == NEVER:
        raise BadArgument(f"{name} must be a number")
    if not low <= value <= high:
        raise BadArgument(f"{name} must be from {low:g} to {high:g}")
    return float(value)


def _switch(on: Any, now_on: bool) -> bool:
    return not now_on if on is None else bool(on)


def _changed(settings: Any, changes: dict[str, Any]) -> Any:
    assert isinstance(settings, (Sampling, ModelSettings))
    known = [item.name for item in fields(settings)]
    for name in changes:
        if name not in known:
            raise BadArgument(f"unknown field {name} (known: {', '.join(known)})")
    return replace(settings, **changes)
