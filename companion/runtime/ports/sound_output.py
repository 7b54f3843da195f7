"""The realtime process's side of sound: one more output beside the MIDI ports, and the typing keyboard as one more input.

Both ends are datagram sockets that nobody waits on (`companion.sound.wire`).
"""

from __future__ import annotations

import socket
from collections.abc import Iterable

from companion.midi.codec import Decoder
from companion.midi.messages import ControlChange, Message, NoteOff, NoteOn
from companion.music.units import DRUM_CHANNEL
from companion.session.api.snapshot import LaneView
from companion.sound.wire import SoundSender, receive

TYPING_PORT = "typing keyboard"
OLDEST_KEY_SECONDS = 0.25  # a key that took longer to arrive counts as struck this long ago
_PLAYABLE = (NoteOn, NoteOff, ControlChange)


class SoundOutput:
    """See the module. sound, keys: descriptors' sockets, None = there is none. yields: silent while another synthesizer is reached."""

    def __init__(self, sound: socket.socket | None, keys: socket.socket | None, *, yields: bool) -> None:
        self._sender = SoundSender(sound) if sound is not None else None
        self._keys = keys
        if keys is not None:
            keys.setblocking(False)
        self._decoder = Decoder()
        self._yields = yields
        self._heard_elsewhere = False
        self._programs: dict[int, int] = {}

    @property
    def audible(self) -> bool:
        """Whether messages sent here may be heard."""
        return self._sender is not None and not self._heard_elsewhere

    def send(self, data: bytes, due: float) -> bool:
        """A message of the default output, to sound a constant time after `due`; False where nobody hears it."""
        return self._sender is not None and not self._heard_elsewhere and self._sender.send(data, due)

    def typed(self, now: float) -> list[tuple[float, Message]]:
        """What was typed since the last call: (when the key was struck, message)."""
        if self._keys is None:
            return []
        found = []
        for due in receive(self._keys):
            at = min(max(due.seconds, now - OLDEST_KEY_SECONDS), now)
            data = bytes((due.status, due.first, due.second))
            found.extend((at, message) for message in self._decoder.feed(data) if isinstance(message, _PLAYABLE))
        return found

    def look(self, heard_elsewhere: bool, now: float) -> None:
        """Notice whether another synthesizer can be reached: music must not sound twice, and must not be silent."""
        heard_elsewhere = heard_elsewhere and self._yields
        if self._sender is None or heard_elsewhere == self._heard_elsewhere:
            return
        self._heard_elsewhere = heard_elsewhere
        if heard_elsewhere:
            self._sender.silence(now)
        else:
            self._programs.clear()

    def set_programs(self, lanes: Iterable[LaneView], now: float) -> None:
        """Each channel's instrument, where it has changed; parts of ours before the player's where they share a channel."""
        if not self.audible:
            return
        wanted: dict[int, int] = {}
        for lane in sorted(lanes, key=lambda lane: lane.role == "human"):
            channel = lane.channel if lane.channel is not None else DRUM_CHANNEL if lane.is_drum else 0
            wanted.setdefault(channel, lane.program)
        for channel, program in wanted.items():
            if channel != DRUM_CHANNEL and self._programs.get(channel) != program:
                self._programs[channel] = program
                self.send(bytes((0xC0 | channel, min(max(program, 0), 127))), now)

    def close(self, now: float) -> None:
        """Silence everything and close the sockets."""
        if self._sender is not None:
            self._sender.silence(now)
            self._sender.close()
        if self._keys is not None:
            self._keys.close()
