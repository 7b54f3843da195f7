"""The sound of a channel at each moment: its program, and whether it plays drums.

A channel's state belongs to the whole file, not to a track: messages of all tracks count, in order of time. If tracks that
share a channel each choose a sound at the same tick, each gets its own. The messages of a note's own track then come last,
and count if they are written before the note.

Drums are channel 10 (General MIDI 1), bank 127 or 126 (Yamaha XG), bank 120 (General MIDI 2), and parts that a Roland GS or
Yamaha XG message makes drum parts; bank 121 makes a melodic part of channel 10 (General MIDI 2).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace

from companion.music.files.events import SYSEX, FileTrack, meta_body
from companion.music.units import DRUM_CHANNEL

BANK_SELECT, BANK_SELECT_LOW = 0, 32
# After every event of a track.
AFTER_ALL = 1 << 62
_DRUM_BANKS = (120, 126, 127)
_MELODIC_BANK = 121
# GS numbers its part blocks 10, 1-9, 11-16.
_GS_CHANNELS = (9, 0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 14, 15)


@dataclass(frozen=True, slots=True)
class Sound:
    """A channel's state. part_mode: True for a drum part, False for a melodic one, by system exclusive; None: not said."""

    program: int = 0
    bank: int | None = None
    bank_low: int | None = None
    part_mode: bool | None = None

    def is_drum(self, channel: int) -> bool:
        """Whether notes of this channel are drums now."""
        if self.part_mode is not None:
            return self.part_mode
        if self.bank in _DRUM_BANKS:
            return True
        return channel == DRUM_CHANNEL and self.bank != _MELODIC_BANK


_Change = tuple[int, int, int, bytes]  # tick, track, index of the event in its track, the message
_MOST_STATES = 2_000_000


class ChannelSounds:
    """The state of one channel at every event that changes it, as each track hears it."""

    def __init__(self, changes: Sequence[_Change]) -> None:
        self._changes = changes
        writers = {track for _, track, _, _ in changes}
        self._writers = writers if len(writers) * len(changes) <= _MOST_STATES else set()
        self._timelines: dict[int, tuple[list[tuple[int, int, int, int]], list[Sound]]] = {}

    def at(self, tick: int, track: int, index: int = AFTER_ALL) -> Sound:
        """The sound of a note-on at this place."""
        places, states = self._timeline(track if track in self._writers else -1)
        return states[bisect_right(places, (tick, 1, track, index))]

    def _timeline(self, track: int) -> tuple[list[tuple[int, int, int, int]], list[Sound]]:
        """Where the state changes, in order, and the states before and after each change, for one track (-1: for the rest)."""
        if track not in self._timelines:
            ordered = sorted((tick, int(own == track), own, index, data) for tick, own, index, data in self._changes)
            states = [Sound()]
            for *_, data in ordered:
                states.append(changed(states[-1], data))
            self._timelines[track] = [(tick, own, number, index) for tick, own, number, index, _ in ordered], states
        return self._timelines[track]


def channel_sounds(tracks: Sequence[FileTrack], programs_only: bool = False) -> list[ChannelSounds]:
    """One for each of the 16 channels. programs_only: banks and system exclusive messages count for nothing."""
    changes: list[list[_Change]] = [[] for _ in range(16)]
    for number, track in enumerate(tracks):
        for index, (tick, data) in enumerate(track.events):
            status = data[0]
            if 0xC0 <= status < 0xD0:
                changes[status & 0x0F].append((tick, number, index, data))
            elif programs_only:
                continue
            elif 0xB0 <= status < 0xC0 and data[1] in (BANK_SELECT, BANK_SELECT_LOW):
                changes[status & 0x0F].append((tick, number, index, data))
            elif status == SYSEX:
                for channel in _sysex_channels(_sysex_body(data)):
                    changes[channel].append((tick, number, index, data))
    return [ChannelSounds(found) for found in changes]


def changed(state: Sound, data: bytes) -> Sound:
    """A channel's state after a message."""
    if data[0] == SYSEX:
        return _after_sysex(state, _sysex_body(data))
    if data[0] & 0xF0 == 0xC0:
        return replace(state, program=data[1])
    if data[1] == BANK_SELECT:
        return replace(state, bank=data[2])
    return replace(state, bank_low=data[2])


def _sysex_body(data: bytes) -> bytes:
    return meta_body(b"\xff" + data)


def _sysex_channels(body: bytes) -> Sequence[int]:
    """The channels whose sound a system exclusive message changes."""
    if _is_reset(body):
        return range(16)
    if _is_gs(body) and body[5] & 0xF0 == 0x10 and body[6] == 0x15:
        return (_GS_CHANNELS[body[5] & 0x0F],)
    if _is_xg(body) and body[3] == 0x08 and body[5] == 0x07 and body[4] < 16:
        return (body[4],)
    return ()


def _after_sysex(state: Sound, body: bytes) -> Sound:
    if _is_reset(body):
        return Sound()
    return replace(state, part_mode=(body[7] if _is_gs(body) else body[6]) > 0)


def _is_gs(body: bytes) -> bool:
    """A Roland GS "data set" for a part (41, device, 42, 12, 40, part block, parameter, value)."""
    return len(body) >= 8 and body[0] == 0x41 and body[2:5] == b"\x42\x12\x40"


def _is_xg(body: bytes) -> bool:
    """A Yamaha XG parameter change (43, 1n, 4C, three address bytes, value)."""
    return len(body) >= 7 and body[0] == 0x43 and body[1] & 0xF0 == 0x10 and body[2] == 0x4C


def _is_reset(body: bytes) -> bool:
    """GM, GM2, GS or XG system on."""
    if len(body) >= 4 and body[0] == 0x7E and body[2] == 0x09:
        return True
    if _is_gs(body) and body[5:7] == b"\x00\x7f":
        return True
    return _is_xg(body) and body[3:6] == b"\x00\x00\x7e"
