"""A table of what sounds at which output. Its memory outlives the process that plays.

The realtime process sets a byte before a note-on leaves and clears it after the note-off has left; that costs half a microsecond.
Whoever shares the memory can end those notes when the realtime process no longer can, even if it was killed between two
instructions. The memory is anonymous and is handed on as a descriptor.
"""

from __future__ import annotations

import mmap
import os

PLACES = 16
_NAME_BYTES = 254
_CHANNELS, _KEYS = 16, 128
_PLACE_BYTES = 2 + _NAME_BYTES + _CHANNELS * _KEYS
SIZE = PLACES * _PLACE_BYTES
_NOTE_OFF, _NOTE_ON, _CONTROL = 0x80, 0x90, 0xB0
_SILENCING = (120, 123)  # all sound off, all notes off
Keys = tuple[tuple[int, int], ...]  # (channel, key) pairs


def sounding_memory() -> int:
    """A descriptor of fresh memory for a table, for this process and those that it is passed to."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("companion-sounding")
    else:
        import tempfile

        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    os.ftruncate(descriptor, SIZE)
    return descriptor


class SoundingTable:
    """The table in the memory behind a descriptor."""

    def __init__(self, descriptor: int) -> None:
        self._memory = mmap.mmap(descriptor, SIZE)

    def place_of(self, port: str) -> int | None:
        """The place of an output by its name, taken now if it has none; None when all places are taken."""
        name = port.encode(errors="replace")[:_NAME_BYTES]
        for place in range(PLACES):
            known = self._name(place)
            if not known:
                start = place * _PLACE_BYTES
                self._memory[start : start + 2 + len(name)] = len(name).to_bytes(2, "big") + name
                return place
            if known == name:
                return place
        return None

    def before_sending(self, place: int, data: bytes) -> None:
        """Note that a message is about to leave."""
        if data[0] & 0xF0 == _NOTE_ON and data[2]:
            self._memory[self._at(place, data[0] & 0x0F, data[1])] = 1

    def after_sending(self, place: int, data: bytes) -> None:
        """Note that a message has left."""
        kind = data[0] & 0xF0
        if kind == _NOTE_OFF or (kind == _NOTE_ON and not data[2]):
            self._memory[self._at(place, data[0] & 0x0F, data[1])] = 0
        elif kind == _CONTROL and data[1] in _SILENCING:
            start = self._at(place, data[0] & 0x0F, 0)
            self._memory[start : start + _KEYS] = bytes(_KEYS)

    def sounding(self) -> dict[str, Keys]:
        """The keys that sound now, by the output's name. Outputs without notes are left out."""
        found: dict[str, Keys] = {}
        for place in range(PLACES):
            start = self._at(place, 0, 0)
            keys = self._memory[start : start + _CHANNELS * _KEYS]
            if name := self._name(place):
                down = tuple(divmod(index, _KEYS) for index, byte in enumerate(keys) if byte)
                if down:
                    found[name.decode(errors="replace")] = down
        return found

    def clear(self) -> None:
        """Mark everything as silent."""
        for place in range(PLACES):
            start = self._at(place, 0, 0)
            self._memory[start : start + _CHANNELS * _KEYS] = bytes(_CHANNELS * _KEYS)

    def _name(self, place: int) -> bytes:
        start = place * _PLACE_BYTES
        length = int.from_bytes(self._memory[start : start + 2], "big")
        return self._memory[start + 2 : start + 2 + length]

    def _at(self, place: int, channel: int, key: int) -> int:
        return place * _PLACE_BYTES + 2 + _NAME_BYTES + channel * _KEYS + key
