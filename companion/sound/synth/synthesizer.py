"""A General MIDI synthesizer with sixteen channels that renders blocks of frames. Its only time is the frames that it renders."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from companion.music.units import DRUM_CHANNEL
from companion.sound.synth.bank import DRUMS, ToneBank
from companion.sound.synth.room import Limiter, Room
from companion.sound.synth.voices import BLOCK, LEFT, RIGHT, ROOM, Strike, Voices

LATENCY_FRAMES = BLOCK  # of the limiter
BEND_SEMITONES = 2.0
VOLUME, PAN, EXPRESSION, SUSTAIN, REVERB = 7, 10, 11, 64, 91
SOUND_OFF, RESET, NOTES_OFF = 120, 121, 123
_USUAL_VOLUME = 100
_KEY_SPREAD = 0.35  # pan (-1 to 1) of the key 40 keys above middle C
_SPREAD_PROGRAMS = frozenset(range(16))

Event = tuple[int, int, int, int]  # frame of the block, status byte, first and second data byte


class Synthesizer:
    """The synthesizer. `render` plays it, and `gain` is a factor on everything."""

    def __init__(self, rate: float, bank: ToneBank, gain: float = 1.0) -> None:
        self.gain = gain
        self._bank = bank
        self._voices = Voices(rate)
        self._room, self._limiter = Room(rate), Limiter(rate)
        self._program = [0] * 16
        self._program[DRUM_CHANNEL] = DRUMS
        self._volume, self._pan, self._expression = [_USUAL_VOLUME] * 16, [64] * 16, [127] * 16
        self._pedal = [False] * 16
        self._bends = np.ones(16)
        self._spread = np.zeros(len(self._voices.active))  # -1 to 1, by key or piece of the kit
        self._send = np.zeros(len(self._voices.active))

    @property
    def sounding(self) -> int:
        """How many voices sound."""
        return self._voices.sounding

    def render(self, events: Iterable[Event] = ()) -> NDArray[np.float32]:
        """Return the next BLOCK × 2 frames, in -1..1, with these events, ascending by frame. The sound is `LATENCY_FRAMES` late."""
        for offset, status, first, second in events:
            self._handle(offset, status, first, second)
        mixed = self._voices.render(self._bank.frames, self._bends)
        if self.gain != 1.0:
            mixed *= np.float32(self.gain)
        stereo = mixed[:2]
        self._room.add(mixed[ROOM], stereo)
        return np.ascontiguousarray(self._limiter.process(stereo).T)

    def _handle(self, offset: int, status: int, first: int, second: int) -> None:
        kind, channel = status & 0xF0, status & 0x0F
        if kind == 0x90 and second:
            self._strike(channel, first, second, offset)
        elif kind in (0x80, 0x90):
            self._lift(channel, first, offset)
        elif kind == 0xB0:
            self._control(channel, first, second, offset)
        elif kind == 0xC0 and channel != DRUM_CHANNEL:
            self._program[channel] = first
            self._bank.prepare(first)
        elif kind == 0xE0:
            bend = ((second << 7) | first) - 8192
            self._bends[channel] = 2 ** (BEND_SEMITONES * bend / 8192 / 12)

    def _strike(self, channel: int, key: int, velocity: int, offset: int) -> None:
        voices = self._voices
        program = self._program[channel]
        placed = self._bank.find(program, key)
        if placed is None:
            return
        self._lift(channel, key, offset, struck_again=True)
        spread = placed.manner.pan
        if program in _SPREAD_PROGRAMS:
            spread = _KEY_SPREAD * (key - 60) / 40
        gains = self._gains(channel, spread, placed.manner.room)
        slot = voices.start(placed, Strike(channel, key, velocity, offset, gains))
        self._spread[slot], self._send[slot] = spread, placed.manner.room

    def _lift(self, channel: int, key: int, offset: int, *, struck_again: bool = False) -> None:
        voices = self._voices
        slots = voices.active & (voices.channel == channel) & (voices.key == key)
        voices.held &= ~slots
        if struck_again or not self._pedal[channel]:
            voices.release(slots, offset)

    def _control(self, channel: int, number: int, value: int, offset: int) -> None:
        voices = self._voices
        mine = voices.active & (voices.channel == channel)
        if number == VOLUME:
            self._volume[channel] = value
        elif number == PAN:
            self._pan[channel] = value
        elif number == EXPRESSION:
            self._expression[channel] = value
        elif number == SUSTAIN:
            self._pedal[channel] = value >= 64
            if value < 64:
                voices.release(mine & ~voices.held, offset)
        elif number == SOUND_OFF:
            voices.stop(mine, offset)
        elif number == NOTES_OFF:
            voices.held &= ~mine
            if not self._pedal[channel]:
                voices.release(mine, offset)
        elif number == RESET:
            self._expression[channel], self._pedal[channel], self._bends[channel] = 127, False, 1.0
            voices.release(mine & ~voices.held, offset)
        if number in (VOLUME, PAN, EXPRESSION, RESET):
            for slot in np.flatnonzero(mine):
                voices.gains[:, slot] = self._gains(channel, self._spread[slot], self._send[slot])

    def _gains(self, channel: int, spread: float, send: float) -> tuple[float, float, float]:
        """Return the gains for left, right and room: volume and expression squared (General MIDI 2), pan at equal power."""
        level = (self._volume[channel] / _USUAL_VOLUME * self._expression[channel] / 127) ** 2
        place = min(max((self._pan[channel] - 64) / 63 + spread, -1.0), 1.0)
        angle = (place + 1) * math.pi / 4
        gains = [0.0, 0.0, 0.0]
        gains[LEFT], gains[RIGHT], gains[ROOM] = level * math.cos(angle), level * math.sin(angle), level * send
        return gains[0], gains[1], gains[2]
