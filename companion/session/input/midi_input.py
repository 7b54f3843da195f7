"""Passes incoming MIDI to the capture, the clock, the learned controls, and through to the output."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from companion.midi.messages import (
    ALL_SOUND_OFF,
    NOTES_OFF,
    RESET_CONTROLLERS,
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
    SystemExclusive,
)
from companion.session.api.commands import Command
from companion.session.api.settings import Zone
from companion.session.chords.chords import Chords
from companion.session.extensions import Extensions
from companion.session.input.capture import SUSTAIN_CONTROLLER, Capture
from companion.session.input.controls import PRESSED
from companion.session.input.routing import EchoGuard, MasterChoice, Router
from companion.session.input.surface import ControlSurface
from companion.session.input.thru import Thru
from companion.session.input.zones import Zones, transposed
from companion.session.lanes import Lane, Lanes
from companion.session.output.outbox import Outbox
from companion.session.output.scheduler import THRU, Voice
from companion.session.performance import Performance
from companion.session.timing.musical_time import MusicalTime
from companion.session.transport.transport import Transport

CLOCK_MESSAGES = (ClockTick, ClockStart, ClockContinue, ClockStop, SongPosition)


class MidiInput:
    """Everything from the MIDI inputs. latency_seconds: by port, "" for all others; act: does what a learned control says."""

    def __init__(
        self,
        lanes: Lanes,
        performance: Performance,
        time: MusicalTime,
        transport: Transport,
        capture: Capture,
        surface: ControlSurface,
        zones: Zones,
        chords: Chords,
        thru: Thru,
        echoes: EchoGuard,
        extensions: Extensions,
        outbox: Outbox,
        act: Callable[[Command, float], None],
        latency_seconds: Mapping[str, float],
    ) -> None:
        self._lanes, self._performance, self._time, self._transport = lanes, performance, time, transport
        self._capture, self._surface, self._chords = capture, surface, chords
        self._zones, self._thru, self._echoes = zones, thru, echoes
        self._extensions, self._outbox, self._act = extensions, outbox, act
        self._latency_seconds = dict(latency_seconds)
        self._masters = MasterChoice()
        self._router = self._make_router()
        self._router_version = (lanes.version, zones.version)

    def receive(self, port: str, message: Message, now: float) -> None:
        """Handle one message as it arrives."""
        if isinstance(message, CLOCK_MESSAGES):
            shared = self._time.shared_port
            if shared is not None:
                # Whoever follows a shared clock wants no other.
                if port == shared:
                    self._transport.receive_clock(message, now)
            elif self._masters.accepts(port, message, self._time.clock.state == "running", now):
                self._transport.receive_clock(message, now)
            elif self._time.follower is not None:
                self._ignore_clock(port)
        elif isinstance(message, Malformed):
            self._outbox.count("malformed", message.count if message.kind == "garbage" else 0)
            self._outbox.count(f"messages_{message.kind}")
        elif isinstance(message, SystemExclusive):
            self._outbox.count("messages_sysex")
        else:
            self._receive_channel(port, message, now)

    def port_lost(self, port: str, now: float) -> None:
        """The port was lost."""
        self._masters.port_lost(port)
        self._chords.zone.port_lost(port)
        self._capture.port_lost(port, self._heard_position(port, now))
        self._zones.port_lost(port)
        self._thru.port_lost(port, now)

    def output_back(self, port: str) -> None:
        """An output was connected."""
        self._thru.output_back(port)

    def _ignore_clock(self, port: str) -> None:
        if not self._outbox.counters["foreign_clocks"]:
            self._outbox.notice(f"two clocks: {self._masters.port} is followed, that of {port} is ignored", "warning")
        self._outbox.count("foreign_clocks")

    def _receive_channel(self, port: str, message: ChannelMessage, now: float) -> None:
        if isinstance(message, (NoteOn, NoteOff)) and self._echoes.is_echo(port, message, now):
            self._outbox.count("echoes")
            return
        is_control, wish = self._surface.take(message)
        if wish is not None:
            self._act(wish, now)
        if is_control:
            return
        if isinstance(message, ControlChange) and message.controller in NOTES_OFF:
            self._thru.notes_off(port, message.channel, now)
        if isinstance(message, (NoteOn, NoteOff)):
            if not self._zones.silences(port, message):
                self._receive_note(port, message, now)
            return
        lane = self._lane_for(port, message.channel)
        output = lane.output_port if lane else ""
        self._thru.pass_on(port, output, message, now)
        self._pass_to_zones(port, message, {(output, message.channel)}, now)
        if isinstance(message, ControlChange) and (lane is not None or self._zones.fed):
            self._capture_controller(port, message, self._heard_position(port, now), now)

    def _receive_note(self, port: str, message: NoteOn | NoteOff, now: float) -> None:
        sounds, counts = self._chords.zone.take(port, message, self._chords.key)
        if isinstance(message, NoteOff):
            self._release((port, message.channel, message.key), counts, now)
            return
        zone = self._zones.find(port, message)
        lane = (self._zones.lane_of(zone) if zone else None) or self._lane_for(port, message.channel)
        if sounds and zone is None:
            self._thru.pass_on(port, lane.output_port if lane else "", message, now)
        elif sounds and zone is not None:
            self._pass_zone(zone, lane, port, message, now)
        if not counts:
            return
        if lane is None:
            self._outbox.count("unrouted")
            return
        where, pitch = (port, message.channel, message.key), transposed(zone, message.key) if zone else None
        position = self._heard_position(port, now)
        note = self._capture.note_on(lane.index, where, message.velocity, position, pitch)
        self._extensions.note_played(note, now)

    def _release(self, where: tuple[str, int, int], counts: bool, now: float) -> None:
        """A key comes up: whatever it began ends, whichever zones there are by now."""
        self._thru.release(where, now)
        port, channel, _ = where
        if not counts or not (self._capture.is_down(where) or self._lane_for(port, channel)):
            return
        if (note := self._capture.note_off(where, self._heard_position(port, now))) is not None:
            self._extensions.note_released(note, now)

    def _pass_zone(self, zone: Zone, lane: Lane | None, port: str, message: NoteOn, now: float) -> None:
        """A note of a zone passes through to the channel of the part that the zone plays."""
        if not self._passes(zone):
            return
        output, channel = lane.output_port if lane else "", message.channel
        own = self._zones.lane_of(zone)
        if own is not None:
            channel = own.out_channel
            if own.channel is not None and not own.is_drum:
                self._thru.choose_program(output, channel, own.program, now)
        where, voice = (port, message.channel, message.key), Voice(THRU, output, channel)
        self._thru.strike(where, voice, transposed(zone, message.key), message.velocity, now, always=bool(zone.thru))

    def _passes(self, zone: Zone) -> bool:
        return self._thru.on if zone.thru is None else zone.thru

    def _pass_to_zones(self, port: str, message: ChannelMessage, reached: set[tuple[str, int]], now: float) -> None:
        """Pedals, wheels and pressure also reach the parts that zones of this keyboard play. reached: those that had them."""
        if not self._thru.on:
            reached.clear()
        for zone, lane, moved in self._zones.elsewhere(port, message):
            place = (lane.output_port, lane.out_channel)
            if place not in reached and self._passes(zone):
                reached.add(place)
                self._outbox.send(lane.output_port, moved, now)

    def _lane_for(self, port: str, channel: int) -> Lane | None:
        if self._router_version != (version := (self._lanes.version, self._zones.version)):
            self._router, self._router_version = self._make_router(), version
        return self._router.lane_for(port, channel)

    def _make_router(self) -> Router:
        """A part that a zone plays gets nothing else."""
        return Router(lane for lane in self._lanes if lane.index not in self._zones.fed)

    def _heard_position(self, port: str, now: float) -> float | None:
        """Where the session was when something arriving now was played; None while nothing runs."""
        if not self._performance.running:
            return None
        latency = self._latency_seconds.get(port, self._latency_seconds.get("", 0.0))
        return self._time.position(now - latency)

    def _capture_controller(self, port: str, message: ControlChange, position: float | None, now: float) -> None:
        number, channel = message.controller, message.channel
        if number == SUSTAIN_CONTROLLER:
            self._capture.pedal(port, channel, message.value >= PRESSED, position)
        elif number in (RESET_CONTROLLERS, ALL_SOUND_OFF):
            self._capture.pedal(port, channel, False, position)
        if number in NOTES_OFF:
            for note in self._capture.notes_off(port, channel, position):
                self._extensions.note_released(note, now)
