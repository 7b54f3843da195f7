"""Starting, stopping, tempo and meter: the player's wishes for the transport."""

from __future__ import annotations

from collections.abc import Mapping

from companion.errors import UsageError
from companion.music import TimeSignature
from companion.session.api import commands as wishes
from companion.session.commands.handlers import switched
from companion.session.extension import Handler
from companion.session.output.click import Metronome
from companion.session.performance import Performance
from companion.session.timing.internal_clock import InternalClock, TapTempo
from companion.session.timing.musical_time import MusicalTime
from companion.session.transport.transport import Transport


class TransportCommands:
    """Most of these need our own clock; with the master's, a UsageError says so."""

    def __init__(self, transport: Transport, time: MusicalTime, performance: Performance, metronome: Metronome) -> None:
        self._transport, self._time = transport, time
        self._performance, self._metronome = performance, metronome
        self._taps = TapTempo()

    def handlers(self) -> Mapping[type[wishes.Command], Handler]:
        """Which method does which command."""
        return {
            wishes.Start: self._start,
            wishes.Continue: self._continue,
            wishes.Stop: self._stop,
            wishes.Toggle: self._toggle,
            wishes.Seek: self._seek,
            wishes.Tap: self._tap,
            wishes.SetTempo: self._set_tempo,
            wishes.SetTempoFactor: self._set_tempo_factor,
            wishes.SetTimeSignature: self._set_time_signature,
            wishes.SetClockSource: self._set_clock_source,
            wishes.Click: self._click,
            wishes.Wait: self._wait,
        }

    def _master(self) -> InternalClock:
        if self._time.master is None:
            raise UsageError("the MIDI clock decides; switch to the internal clock first")
        return self._time.master

    def _start(self, wish: wishes.Start, now: float) -> None:
        self._master()
        self._transport.start(now, 0)

    def _continue(self, wish: wishes.Continue, now: float) -> None:
        self._master()
        if not self._performance.running:
            self._transport.start(now)

    def _stop(self, wish: wishes.Stop, now: float) -> None:
        self._master()
        self._transport.stop(now)

    def _toggle(self, wish: wishes.Toggle, now: float) -> None:
        self._master()
        if self._performance.running:
            self._transport.stop(now)
        else:
            self._transport.start(now)

    def _seek(self, wish: wishes.Seek, now: float) -> None:
        self._master()
        if self._performance.running:
            self._transport.start(now, wish.bar, count_in=False)
        else:
            self._transport.rewind(wish.bar)

    def _tap(self, wish: wishes.Tap, now: float) -> None:
        if (bpm := self._taps.tap(now)) is not None:
            self._change_tempo(bpm, now)

    def _set_tempo(self, wish: wishes.SetTempo, now: float) -> None:
        self._change_tempo(wish.bpm, now)

    def _change_tempo(self, bpm: float, now: float) -> None:
        clock, time = self._master(), self._time
        place = time.timeline.locate(max(0.0, time.position(now)))
        written = time.songbook.bpm_at(time.timeline.song_bar(place.bar), place.beat)
        if written:
            time.set_tempo_factor(bpm / written)
        clock.set_bpm(bpm, now)

    def _set_tempo_factor(self, wish: wishes.SetTempoFactor, now: float) -> None:
        if (clock := self._time.master) is not None:
            clock.set_bpm(clock.bpm * wish.factor / self._time.tempo_factor, now)
        self._time.set_tempo_factor(wish.factor)

    def _set_time_signature(self, wish: wishes.SetTimeSignature, now: float) -> None:
        self._time.songbook.set_default_meter(TimeSignature(wish.numerator, wish.denominator))
        self._transport.relay(now)

    def _set_clock_source(self, wish: wishes.SetClockSource, now: float) -> None:
        if (self._time.master is not None) != (wish.source == "internal"):
            self._transport.use_source(wish.source, now)

    def _click(self, wish: wishes.Click, now: float) -> None:
        performance = self._performance
        self._metronome.switch(switched(wish.on, self._metronome.on))
        if performance.running and not performance.counting_in and performance.bar >= 0:
            self._metronome.bar(performance.bar, self._time.position(now))

    def _wait(self, wish: wishes.Wait, now: float) -> None:
        self._performance.wait(wish.bars)
