"""Sends messages to the sound process as datagrams over a local socket pair. Neither end ever waits.

The process that starts the sound process keeps the receiving end open. A restarted sound process therefore uses the same socket, and
the sender need not know. Messages that do not fit into the system's buffer are dropped and counted.
"""

from __future__ import annotations

import socket
import struct
from typing import NamedTuple

_RECORD = struct.Struct("<dBBB")  # due time in seconds of the system's monotonic clock, status, two data bytes
_BUFFER_BYTES = 1 << 16
_MOST_A_CALL = 512
GAIN = 0xF0  # a status of our own: first and second hold a gain in 1/100, 14 bits


class Due(NamedTuple):
    """A channel message and when it is due, in seconds of the system's monotonic clock."""

    seconds: float
    status: int
    first: int
    second: int


def sound_pair() -> tuple[socket.socket, socket.socket]:
    """Return (sending end, receiving end)."""
    sender, receiver = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    sender.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER_BYTES)
    sender.setblocking(False)
    for end in (sender, receiver):
        end.set_inheritable(False)
    return sender, receiver


class SoundSender:
    """The sending end. It never waits and never raises. `dropped` counts the messages that were not accepted."""

    def __init__(self, end: socket.socket) -> None:
        end.setblocking(False)
        self._end = end
        self.dropped = 0

    def send(self, data: bytes, due: float) -> bool:
        """Pass a channel message on. Other messages (clock, exclusive) do not concern a synthesizer and count as sent."""
        if not data or not 0x80 <= data[0] < 0xF0:
            return True
        return self._pass_on(due, data[0], data[1], data[2] if len(data) > 2 else 0)

    def set_gain(self, gain: float, due: float) -> bool:
        """Make everything louder or softer by a factor, 0 to 100."""
        hundredths = min(max(round(gain * 100), 0), 0x3FFF)
        return self._pass_on(due, GAIN, hundredths & 0x7F, hundredths >> 7)

    def silence(self, due: float) -> None:
        """End all sound on all channels, held pedals too."""
        for channel in range(16):
            for controller in (121, 120):
                self._pass_on(due, 0xB0 | channel, controller, 0)

    def _pass_on(self, due: float, status: int, first: int, second: int) -> bool:
        try:
            self._end.send(_RECORD.pack(due, status, first, second))
        except OSError:
            self.dropped += 1
            return False
        return True

    def close(self) -> None:
        """Close the sending end."""
        self._end.close()


def receive(end: socket.socket) -> list[Due]:
    """Return what has arrived at a receiving end that does not block. Unknown datagrams are ignored."""
    found: list[Due] = []
    while len(found) < _MOST_A_CALL:
        try:
            data = end.recv(64)
        except OSError:
            break
        if len(data) == _RECORD.size:
            found.append(Due(*_RECORD.unpack(data)))
    return found
