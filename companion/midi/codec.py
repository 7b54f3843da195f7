"""Bytes ↔ messages. Knows the MIDI 1.0 wire format and nothing of ports or times.

Decoding is incremental, because a message may arrive in pieces. It honours running status and accepts real-time bytes anywhere, also
inside other messages and system exclusive. It never raises: bytes that are no message we use are counted as `Malformed`.
"""

from __future__ import annotations

from companion.midi.messages import (
    ClockContinue,
    ClockStart,
    ClockStop,
    ClockTick,
    ControlChange,
    Malformed,
    Message,
    NoteOff,
    NoteOn,
    PitchBend,
    Pressure,
    ProgramChange,
    SongPosition,
    SystemExclusive,
)

SYSEX, SONG_POSITION, END_OF_SYSEX, FIRST_REALTIME = 0xF0, 0xF2, 0xF7, 0xF8
CLOCK, START, CONTINUE, STOP, ACTIVE_SENSING = 0xF8, 0xFA, 0xFB, 0xFC, 0xFE

_REALTIME: dict[int, Message] = {
    CLOCK: ClockTick(),
    START: ClockStart(),
    CONTINUE: ClockContinue(),
    STOP: ClockStop(),
}
_UNUSED = Malformed("ignored", 1)
# Data bytes that follow each status; system common ones by their full status, channel ones by the upper half.
_CHANNEL_LENGTH = {0x80: 2, 0x90: 2, 0xA0: 2, 0xB0: 2, 0xC0: 1, 0xD0: 1, 0xE0: 2}
_SYSTEM_LENGTH = {0xF1: 1, SONG_POSITION: 2, 0xF3: 1, 0xF6: 0}


class Decoder:
    """The state of one connection. Feed it bytes as they come; it returns complete messages in order."""

    def __init__(self) -> None:
        self._status = 0  # the status that data bytes belong to; 0 = none
        self._data = bytearray()
        self._needed = 0
        self._skipped = 0  # bytes of the system exclusive message under way, 0 = none
        self._garbage = 0

    def feed(self, chunk: bytes | bytearray | list[int]) -> list[Message]:
        """Messages completed by these bytes (values 0-255); stray data is reported once for each run of it."""
        out: list[Message] = []
        for byte in chunk:
            if byte >= FIRST_REALTIME:
                out.append(_REALTIME.get(byte, _UNUSED))
            elif byte >= 0x80:
                self._begin(byte, out)
            else:
                self._data_byte(byte, out)
        self._report_garbage(out)
        return out

    def reset(self) -> list[Message]:
        """Forget an unfinished message, because the port has gone. Its bytes are counted as garbage."""
        out: list[Message] = []
        self._drop_unfinished(out)
        self._status = 0
        return out

    def _begin(self, status: int, out: list[Message]) -> None:
        if status == END_OF_SYSEX and self._skipped:
            out.append(Malformed("sysex", self._skipped + 1))
            self._skipped = 0
            return
        self._drop_unfinished(out)
        self._status = 0
        if status == SYSEX:
            self._skipped = 1
        elif status < SYSEX:
            self._status, self._needed = status, _CHANNEL_LENGTH[status & 0xF0]
        elif status not in _SYSTEM_LENGTH:  # undefined (F4, F5) or an end of system exclusive without its beginning
            self._garbage += 1
        elif _SYSTEM_LENGTH[status]:
            self._status, self._needed = status, _SYSTEM_LENGTH[status]
        else:
            out.append(_UNUSED)

    def _drop_unfinished(self, out: list[Message]) -> None:
        """A new status has cut off the current message."""
        if self._skipped:
            out.append(Malformed("sysex", self._skipped))
            self._skipped = 0
        if self._data:
            self._garbage += len(self._data) + 1
            self._data.clear()
        self._report_garbage(out)

    def _report_garbage(self, out: list[Message]) -> None:
        if self._garbage:
            out.append(Malformed("garbage", self._garbage))
            self._garbage = 0

    def _data_byte(self, byte: int, out: list[Message]) -> None:
        if self._skipped:
            self._skipped += 1
            return
        if not self._status:
            self._garbage += 1
            return
        self._report_garbage(out)
        self._data.append(byte)
        if len(self._data) == self._needed:
            out.append(_message(self._status, self._data[0], self._data[-1]))
            self._data.clear()
            if self._status >= SYSEX:  # system common messages end running status
                self._status = 0


def _message(status: int, first: int, second: int) -> Message:
    """A whole message; `second` repeats `first` where there is only one data byte."""
    kind, channel = status & 0xF0, status & 0x0F
    if status >= SYSEX:
        return SongPosition(first | second << 7) if status == SONG_POSITION else Malformed("ignored", 2)
    if kind == 0x90:
        return NoteOn(channel, first, second) if second else NoteOff(channel, first, 0)
    if kind == 0x80:
        return NoteOff(channel, first, second)
    if kind == 0xB0:
        return ControlChange(channel, first, second)
    if kind == 0xC0:
        return ProgramChange(channel, first)
    if kind == 0xE0:
        return PitchBend(channel, (first | second << 7) - 8192)
    return Pressure(channel, second, first if kind == 0xA0 else None)


def encode(message: Message) -> bytes:
    """The bytes of a message, status always included; `Malformed` has none (ValueError), nor have values out of range."""
    data = _encode(message)
    if isinstance(message, SystemExclusive):
        if len(data) < 2 or data[0] != SYSEX or data[-1] != END_OF_SYSEX or not data[1:-1].isascii():
            raise ValueError(f"not a MIDI message: {message}")
    elif not data[1:].isascii():
        raise ValueError(f"not a MIDI message: {message}")
    return data


def _encode(message: Message) -> bytes:
    match message:
        case NoteOn(channel, key, velocity):
            return bytes((0x90 | channel, key, velocity))
        case NoteOff(channel, key, velocity):
            return bytes((0x80 | channel, key, velocity))
        case ClockTick():
            return b"\xf8"
        case ControlChange(channel, controller, value):
            return bytes((0xB0 | channel, controller, value))
        case ProgramChange(channel, program):
            return bytes((0xC0 | channel, program))
        case PitchBend(channel, value):
            return bytes((0xE0 | channel, (value + 8192) & 0x7F, (value + 8192) >> 7))
        case Pressure(channel, value, None):
            return bytes((0xD0 | channel, value))
        case Pressure(channel, value, int(key)):
            return bytes((0xA0 | channel, key, value))
        case SongPosition(sixteenths):
            return bytes((SONG_POSITION, sixteenths & 0x7F, sixteenths >> 7))
        case SystemExclusive(data):
            return bytes(data)
        case ClockStart():
            return b"\xfa"
        case ClockContinue():
            return b"\xfb"
        case ClockStop():
            return b"\xfc"
    raise ValueError(f"nothing to send for {message}")
