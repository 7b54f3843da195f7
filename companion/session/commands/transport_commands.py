"""Starting, stopping, tempo and meter: the player's wishes for the transport."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

from companion.errors import UsageError
from companion.music import TimeSignature
from companion.session.api import commands, transport_commands
from companion.session.api.effects import AskClock, Effect
from companion.session.commands.handlers import switched
from companion.session.commands.undoable import FindUndoable, dial
from companion.session.extension import Handler
from companion.session.output.click import Metronome
from companion.session.performance import Performance
from companion.session.timing.internal_clock import InternalClock, TapTempo
from companion.session.timing.musical_time import MusicalTime
from companion.session.transport.transport import Transport


class TransportCommands:
    """Most of these need our own clock; with the master's, a UsageError says so. A shared clock is asked instead."""

    def __init__(
        self,
        transport: Transport,
        time: MusicalTime,
        performance: Performance,
        metronome: Metronome,
        emit: Callable[[Effect], None],
    ) -> None:
        self._transport, self._time, self._emit = transport, time, emit
        self._performance, self._metronome = performance, metronome
        self._taps = TapTempo()

    def handlers(self) -> Mapping[type[commands.Command], Handler]:
        """Which method does which command."""
        return {
            transport_commands.Start: self._start,
            transport_commands.Continue: self._continue,
            transport_commands.Stop: self._stop,
            transport_commands.Toggle: self._toggle,
            transport_commands.Seek: self._seek,
            transport_commands.Tap: self._tap,
            transport_commands.SetTempo: self._set_tempo,
            transport_commands.SetTempoFactor: self._set_tempo_factor,
            transport_commands.SetTimeSignature: self._set_time_signature,
            transport_commands.SetClockSource: self._set_clock_source,
            transport_commands.Click: self._click,
            transport_commands.Wait: self._wait,
        }

    def undoables(self) -> Mapping[type[commands.Command], FindUndoable]:
        """What each command changes, except for starting, stopping and places."""
        tempo = dial("tempo", self._read_tempo, self._write_tempo, lambda tempo: f"tempo is {tempo[0]:g} BPM")
        meter = dial(
            "meter",
            lambda: self._time.songbook.default_meter,
            self._write_meter,
            lambda meter: f"the meter is {meter}",
        )
        click = dial(
            "click",
            lambda: self._metronome.on,
            lambda on, now: self._click(transport_commands.Click(on), now),
            lambda on: f"the click is {'on' if on else 'off'}",
        )
        wait = dial(
            "wait",
            lambda: (self._performance.wait_bars, self._performance.entry_bar),
            lambda waiting, now: self._performance.wait_as_before(*waiting),
            lambda waiting: f"the companion waits {waiting[0]} bars",
        )
        return {
            transport_commands.Tap: lambda wish: tempo,
            transport_commands.SetTempo: lambda wish: tempo,
            transport_commands.SetTempoFactor: lambda wish: tempo,
            transport_commands.SetTimeSignature: lambda wish: meter,
            transport_commands.Click: lambda wish: click,
            transport_commands.Wait: lambda wish: wait,
        }

    def _read_tempo(self) -> tuple[float, float]:
        return self._time.clock.bpm, self._time.tempo_factor

    def _write_tempo(self, tempo: tuple[float, float], now: float) -> None:
        self._master().set_bpm(tempo[0], now)
        self._time.set_tempo_factor(tempo[1])

    def _write_meter(self, meter: TimeSignature, now: float) -> None:
        self._time.songbook.set_default_meter(meter)
        self._transport.relay(now)

    def _master(self) -> InternalClock:
        if self._time.master is None:
            raise UsageError("the MIDI clock decides; switch to the internal clock first")
        return self._time.master

    def _asked(self, action: Literal["start", "stop", "tempo", "locate"], value: float = 0.0) -> bool:
        """Ask the shared clock, if we follow one. It answers by what it does."""
        if self._time.shared_port is None:
            return False
        self._emit(AskClock(action, value))
        return True

    def _start(self, wish: transport_commands.Start, now: float) -> None:
        if self._asked("start"):
            return
        self._master()
        self._transport.start(now, 0)

    def _continue(self, wish: transport_commands.Continue, now: float) -> None:
        if self._asked("start"):
            return
        self._master()
        if not self._performance.running:
            self._transport.start(now)

    def _stop(self, wish: transport_commands.Stop, now: float) -> None:
        if self._asked("stop"):
            return
        self._master()
        self._transport.stop(now)

    def _toggle(self, wish: transport_commands.Toggle, now: float) -> None:
        if self._asked("stop" if self._time.clock.state in ("running", "lost") else "start"):
            return
        self._master()
        if self._performance.running:
            self._transport.stop(now)
        else:
            self._transport.start(now)

    def _seek(self, wish: transport_commands.Seek, now: float) -> None:
        if self._asked("locate", self._time.songbook.start(wish.bar)):
            return
        self._master()
        if self._performance.running:
            self._transport.start(now, wish.bar, count_in=False)
        else:
            self._transport.rewind(wish.bar)

    def _tap(self, wish: transport_commands.Tap, now: float) -> None:
        if (bpm := self._taps.tap(now)) is not None:
            self._change_tempo(bpm, now)

    def _set_tempo(self, wish: transport_commands.SetTempo, now: float) -> None:
        self._change_tempo(wish.bpm, now)

    def _change_tempo(self, bpm: float, now: float) -> None:
        if self._asked("tempo", bpm):
            return
        clock, time = self._master(), self._time
        place = time.timeline.locate(max(0.0, time.position(now)))
        written = time.songbook.bpm_at(time.timeline.song_bar(place.bar), place.beat)
        if written:
            time.set_tempo_factor(bpm / written)
        clock.set_bpm(bpm, now)

    def _set_tempo_factor(self, wish: transport_commands.SetTempoFactor, now: float) -> None:
        if (clock := self._time.master) is not None:
            clock.set_bpm(clock.bpm * wish.factor / self._time.tempo_factor, now)
        self._time.set_tempo_factor(wish.factor)

    def _set_time_signature(self, wish: transport_commands.SetTimeSignature, now: float) -> None:
        self._write_meter(TimeSignature(wish.numerator, wish.denominator), now)

    def _set_clock_source(self, wish: transport_commands.SetClockSource, now: float) -> None:
        if wish.source != self._time.source:
            self._transport.use_source(wish.source, now)

    def _click(self, wish: transport_commands.Click, now: float) -> None:
        performance = self._performance
        self._metronome.switch(switched(wish.on, self._metronome.on))
        if performance.running and not performance.counting_in and performance.bar >= 0:
            self._metronome.bar(performance.bar, self._time.position(now))

    def _wait(self, wish: transport_commands.Wait, now: float) -> None:
        self._performance.wait(wish.bars)
