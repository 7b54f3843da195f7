"""Incoming MIDI: to the capture, to the clock, to learned controls, and through to the output."""

from __future__ import annotations

from dataclasses import replace

from companion.midi.messages import (
    ChannelMessage,
    ClockContinue,
    ClockStart,
    ClockStop,
    ClockTick,
    ControlChange,
    Malformed,
    Message,
    NoteOff,
    NoteOn,
    SongPosition,
)
from companion.session.api.commands import attempt, command_of_action
from companion.session.api.effects import Learned, SendMidi
from companion.session.api.events import PortChanged
from companion.session.lanes import Lane
from companion.session.output.scheduler import THRU, Voice
from companion.session.transport import Transport

CLOCK_MESSAGES = (ClockTick, ClockStart, ClockContinue, ClockStop, SongPosition)
PEDAL = 64
PRESSED = 64  # a switch's value from here on is down


def control_name(message: Message) -> str | None:
    """What a control is called in a preset: "cc:64@0", "note:36@9"; None for anything that is no control."""
    if isinstance(message, ControlChange):
        return f"cc:{message.controller}@{message.channel}"
    if isinstance(message, (NoteOn, NoteOff)):
        return f"note:{message.key}@{message.channel}"
    return None


class Listening(Transport):
    """Everything from the MIDI inputs, and the coming and going of ports."""

    learning: str = ""
    learned: dict[str, str]
    _thru_notes: dict[tuple[str, int, int], list[int]]
    _pressed: set[str]

    def receive_midi(self, port: str, message: Message, now: float) -> None:
        """One message as it arrived."""
        if isinstance(message, CLOCK_MESSAGES):
            if self.masters.accepts(port, message, self.clock.state == "running", now):
                self.receive_clock(message, now)
            elif not self.is_master:
                self._ignore_clock(port)
        elif isinstance(message, Malformed):
            self.counters["malformed"] += message.count if message.kind == "garbage" else 0
            self.counters[f"messages_{message.kind}"] += 1
        else:
            self._receive_channel(port, message, now)

    def _ignore_clock(self, port: str) -> None:
        if not self.counters["foreign_clocks"]:
            self.notice(f"two clocks: {self.masters.port} is followed, that of {port} is ignored", "warning")
        self.counters["foreign_clocks"] += 1

    def _receive_channel(self, port: str, message: ChannelMessage, now: float) -> None:
        if isinstance(message, (NoteOn, NoteOff)) and self.echoes.is_echo(port, message, now):
            self.counters["echoes"] += 1
            return
        if (self.learned or self.learning) and self._controlled(message, now):
            return
        lane = self.router.lane_for(port, message.channel)
        if self.thru:
            self._pass_through(port, lane, message, now)
        if lane is None:
            self.counters["unrouted"] += isinstance(message, NoteOn)
            return
        if isinstance(message, (NoteOn, NoteOff, ControlChange)):
            self._capture(port, lane, message, now)

    def heard_position(self, port: str, now: float) -> float | None:
        """Where the session was when something arriving now was played; None while nothing runs."""
        if not self.running:
            return None
        latency = self.input_latency.get(port, self.input_latency.get("", 0.0))
        return self.position(now - latency)

    def _capture(self, port: str, lane: Lane, message: NoteOn | NoteOff | ControlChange, now: float) -> None:
        position = self.heard_position(port, now)
        if isinstance(message, ControlChange):
            if message.controller == PEDAL:
                self.capture.pedal(port, message.channel, message.value >= PRESSED, position)
            return
        where = (port, message.channel, message.key)
        if isinstance(message, NoteOn):
            note = self.capture.note_on(lane.index, where, message.velocity, position)
            for extension in self.extensions:
                extension.note_played(self, note, now)
        elif (note := self.capture.note_off(where, position)) is not None:
            for extension in self.extensions:
                extension.note_released(self, note, now)

    # -- learned controls ---------------------------------------------------------------------------------------------

    def _controlled(self, message: ChannelMessage, now: float) -> bool:
        """Whether this is a learned control (or is being learned); its action then runs on the way down."""
        name = control_name(message)
        if name is None:
            return False
        down = isinstance(message, NoteOn) or (isinstance(message, ControlChange) and message.value >= PRESSED)
        if self.learning and down:
            self._learn(name)
            self._pressed.add(name)
            return True
        action = self.learned.get(name)
        if action is None:
            return False
        if down and name not in self._pressed:
            self._pressed.add(name)
            self.act(action, now)
        elif not down:
            self._pressed.discard(name)
        return True

    def _learn(self, name: str) -> None:
        action, self.learning = self.learning, ""
        self.learned = {key: value for key, value in self.learned.items() if value != action} | {name: action}
        self.settings = replace(self.settings, learned=dict(self.learned))
        self.emit(Learned(name, action, dict(self.learned)))

    def act(self, action: str, now: float) -> None:
        """A learned action: a command's name, with a lane where it needs one: "keep", "mute:2"."""
        self.receive_command(attempt(command_of_action, action), now)

    def receive_command(self, wish: object, now: float) -> None:
        """Overridden by Commanding."""

    # -- thru ---------------------------------------------------------------------------------------------------------

    def _pass_through(self, port: str, lane: Lane | None, message: ChannelMessage, now: float) -> None:
        out = lane.output_port if lane else ""
        if isinstance(message, NoteOn):
            note_id = self.scheduler.strike(Voice(THRU, out, message.channel), message.key, message.velocity, now)
            self._thru_notes.setdefault((port, message.channel, message.key), []).append(note_id)
        elif isinstance(message, NoteOff):
            self._end_thru((port, message.channel, message.key), now)
        else:
            self.emit(SendMidi(out, message, now))

    def _end_thru(self, where: tuple[str, int, int], now: float) -> None:
        for note_id in self._thru_notes.pop(where, ()):
            self.scheduler.release(note_id, now)

    def set_thru(self, on: bool, now: float) -> None:
        """Whether what is played in is also played out."""
        self.thru = on
        if not on:
            for where in list(self._thru_notes):
                self._end_thru(where, now)

    # -- ports --------------------------------------------------------------------------------------------------------

    def port_changed(self, event: PortChanged, now: float) -> None:
        """A port came or went. A lost output's notes get their note-offs when it is back."""
        place = (event.direction, event.port)
        known = self.ports.get(place)
        self.ports[place] = (event.label or event.port, event.connected)
        if event.released:
            del self.ports[place]
        if event.direction == "in":
            if not event.connected:
                self.masters.port_lost(event.port)
                self.capture.port_lost(event.port, self.heard_position(event.port, now))
                for where in [where for where in self._thru_notes if where[0] == event.port]:
                    self._end_thru(where, now)
        elif not event.connected:
            self.scheduler.port_lost(event.port)
        else:
            self.scheduler.port_back(event.port, now)
            self.send_programs(now, event.port)
        if known is not None and known[1] != event.connected and not event.released:
            self.counters["port_losses"] += not event.connected
            name = event.port or "the default output"
            self.notice(
                f"{name} is back" if event.connected else f"{name} is gone", "info" if event.connected else "warning"
            )
