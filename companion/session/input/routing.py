"""Decides to which lane an incoming message belongs, which clock counts, and whether a note is an echo of our own output."""

from __future__ import annotations

import re
from collections.abc import Iterable

from companion.midi.messages import ClockContinue, ClockMessage, ClockStart, ClockTick, NoteOff, NoteOn
from companion.music.units import DRUM_CHANNEL
from companion.session.lanes import Lane

ECHO_SECONDS = 0.06  # how long after we sent a note the same note on the same device is taken for an echo
MASTER_SILENT_SECONDS = 2.0  # a master that is silent for this long may be replaced by another port's ticks …
MASTER_UNHEARD_SECONDS = 0.5  # … and by one that sent a start but no tick, after this
_DIRECTION = re.compile(r"\b(midi|in|out|input|output|capture|playback|port)\b|[\d:_.\-]")


class Router:
    """Remembers (port, channel) → lane. A new one is made when lanes change."""

    def __init__(self, lanes: Iterable[Lane]) -> None:
        self._lanes = [lane for lane in lanes if lane.role == "human" and not lane.removed]
        self._known: dict[tuple[str, int], Lane | None] = {}

    def lane_for(self, port: str, channel: int) -> Lane | None:
        """The lane of a channel message; None if no lane claims it.

        A lane that names the channel comes before those that take any, one that names the port before those that take any.
        Of the lanes for any channel, channel 10 belongs to the drum lanes only, and they take it rather than others.
        """
        key = (port, channel)
        if key not in self._known:
            claims = [(claim, -lane.index, lane) for lane in self._lanes if (claim := _claim(lane, port, channel))]
            self._known[key] = max(claims)[2] if claims else None
        return self._known[key]


def _claim(lane: Lane, port: str, channel: int) -> int:
    """How strongly a lane claims a message; 0 is not at all."""
    if lane.input_port and lane.input_port.lower() not in port.lower():
        return 0
    if lane.channel is not None and lane.channel != channel:
        return 0
    if lane.channel is None and channel == DRUM_CHANNEL and not lane.is_drum:
        return 0
    named_port = 1 if lane.input_port else 0
    named_channel = 4 if lane.channel is not None else 0
    fitting_kind = 2 if lane.is_drum == (channel == DRUM_CHANNEL) else 0
    return 1 + named_port + named_channel + fitting_kind


class MasterChoice:
    """One port is the master at a time: two clocks at once (many keyboards always send one) would be twice the tempo."""

    def __init__(self) -> None:
        self.port: str | None = None
        self._heard_seconds = 0.0
        self._ticked = False

    def accepts(self, port: str, message: ClockMessage, running: bool, now: float) -> bool:
        """Whether this clock message counts. While nothing runs, the port that sends a start or continue becomes the master."""
        if port != self.port:
            patience = MASTER_SILENT_SECONDS if self._ticked else MASTER_UNHEARD_SECONDS
            begins = not running and isinstance(message, (ClockStart, ClockContinue))
            if self.port is not None and not begins and now - self._heard_seconds <= patience:
                return False
            self.port, self._ticked, self._heard_seconds = port, False, now
        if isinstance(message, ClockTick):
            self._ticked, self._heard_seconds = True, now
        return True

    def port_lost(self, port: str) -> None:
        """The master's port is gone: the next clock is the master."""
        if port == self.port:
            self.port = None


class EchoGuard:
    """Remembers what was sent, so that a device that is both input and output does not play to us what we play."""

    def __init__(self) -> None:
        self._sent: dict[tuple[str, int, int, int], float] = {}
        self._echoed: set[tuple[str, int, int]] = set()  # keys that came back; their note-offs will come back too

    def note_sent(self, port: str, message: NoteOn, now: float) -> None:
        """Remember a note of ours."""
        if len(self._sent) > 512:
            self._sent = {key: time for key, time in self._sent.items() if now - time <= ECHO_SECONDS}
        self._sent[(device_name(port), message.channel, message.key, message.velocity)] = now

    def is_echo(self, port: str, message: NoteOn | NoteOff, now: float) -> bool:
        """Whether this is what we just sent to the same device (or to the default one, whose name we do not know)."""
        if not self._sent and not self._echoed:
            return False
        key = (port, message.channel, message.key)
        if isinstance(message, NoteOff):
            came_back = key in self._echoed
            self._echoed.discard(key)
            return came_back
        for device in (device_name(port), ""):
            where = (device, message.channel, message.key, message.velocity)
            sent = self._sent.get(where)
            if sent is not None and now - sent <= ECHO_SECONDS:
                del self._sent[where]
                self._echoed.add(key)
                return True
        self._echoed.discard(key)
        return False


_DEVICES: dict[str, str] = {}


def device_name(port: str) -> str:
    """A port's name without its direction and number, so that both ports of one device have the same name."""
    if port not in _DEVICES:
        if len(_DEVICES) > 1000:
            _DEVICES.clear()
        _DEVICES[port] = " ".join(_DIRECTION.sub(" ", port.lower()).split())
    return _DEVICES[port]
