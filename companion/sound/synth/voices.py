"""Voices: up to 32 tones at a time, rendered together in blocks of frames.

All state lies in arrays with one place for each voice. A voice can start or be released at any frame of a block. When all voices are
taken, the least important one fades out within five milliseconds in one of several spare places.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from companion.sound.synth.bank import Placed, reading_step
from companion.sound.synthesis.partials import SIXTY_DB

BLOCK = 256
MOST_VOICES = 32
_SPARE = 12
_SLOTS = MOST_VOICES + _SPARE
STOLEN_SECONDS = 0.008
SILENT = 1e-4  # of a voice's envelope: 80 dB down
LEFT, RIGHT, ROOM = 0, 1, 2
_RAMP = np.arange(BLOCK, dtype=np.float32)
_FADE = (_RAMP + 1) / np.float32(BLOCK)


@dataclass(frozen=True, slots=True)
class Strike:
    """A note to start. offset: its frame in the coming block. gains: to left, right and room."""

    channel: int
    key: int
    velocity: int
    offset: int
    gains: tuple[float, float, float]


class Voices:
    """See the module; `rate` is that of the output."""

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self.active = np.zeros(_SLOTS, dtype=bool)
        self.channel = np.full(_SLOTS, -1)
        self.key = np.zeros(_SLOTS, dtype=int)
        self.held = np.zeros(_SLOTS, dtype=bool)  # the key is down
        self._serial = np.zeros(_SLOTS, dtype=np.int64)
        self._choke = np.zeros(_SLOTS, dtype=int)
        self._position = np.zeros(_SLOTS)
        self._step = np.zeros(_SLOTS)
        self._start = np.zeros(_SLOTS, dtype=np.int64)
        self._end = np.zeros(_SLOTS)
        self._loop = np.zeros(_SLOTS)
        self._layers = np.zeros((2, _SLOTS), dtype=np.float32)
        self.gains = np.zeros((3, _SLOTS), dtype=np.float32)
        self._gains_before = np.zeros((3, _SLOTS), dtype=np.float32)
        self._envelope = np.zeros(_SLOTS)
        self._fall = np.zeros(_SLOTS)  # per frame; 0 = not let go
        self._release = np.zeros(_SLOTS)  # the rate of `_fall` once let go
        self._from = np.zeros(_SLOTS)  # frame of the block at which the fall begins
        self._vibrato = np.zeros(
            (3, _SLOTS)
        )  # depth as a share of the pitch, radians a frame, frames until it is there
        self._age = np.zeros(_SLOTS)
        self._count = 0

    @property
    def sounding(self) -> int:
        """How many voices sound, without the stolen ones that are fading out."""
        return int(np.count_nonzero(self.active & (self._fall < self._fall_of(STOLEN_SECONDS))))

    def start(self, placed: Placed, strike: Strike) -> int:
        """Start a note, and return the place of its voice."""
        slot = self._free_slot(strike.offset)
        manner = placed.manner
        if manner.choke:
            self._end_slots(self.active & (self._choke == manner.choke), strike.offset, 0.05)
        step = reading_step(placed, strike.key, self._rate)
        self._count += 1
        self.active[slot], self.held[slot], self._serial[slot] = True, True, self._count
        self.channel[slot], self.key[slot], self._choke[slot] = strike.channel, strike.key, manner.choke
        self._step[slot], self._position[slot] = step, -strike.offset * step
        self._start[slot], self._loop[slot] = placed.start, placed.loop_length
        self._end[slot] = placed.loop_start + placed.loop_length if placed.loop_length else placed.length
        self._layers[:, slot] = _layers(strike.velocity, placed.gain)
        self.gains[:, slot] = self._gains_before[:, slot] = strike.gains
        self._envelope[slot], self._fall[slot], self._age[slot] = 1.0, 0.0, 0.0
        self._release[slot] = self._fall_of(manner.release_seconds) if manner.release_seconds else 0.0
        cents, hertz, delay = manner.vibrato
        self._vibrato[:, slot] = (2 ** (cents / 1200) - 1, 2 * np.pi * hertz / self._rate, delay * self._rate)
        return slot

    def release(self, slots: NDArray[np.bool_], offset: int) -> None:
        """Release these voices, each in its own manner."""
        slots = slots & self.active & (self._fall == 0) & (self._release > 0)
        self._fall[slots] = self._release[slots]
        self._from[slots] = offset

    def stop(self, slots: NDArray[np.bool_], offset: int) -> None:
        """End these voices within milliseconds."""
        self._end_slots(slots & self.active, offset, STOLEN_SECONDS)

    def render(self, frames: NDArray[np.complex64], bends: NDArray[np.float64]) -> NDArray[np.float32]:
        """Return the next block as [left, right, room] × BLOCK. bends: pitch factors of the 16 channels."""
        slots = np.flatnonzero(self.active)
        if not len(slots):
            return np.zeros((3, BLOCK), dtype=np.float32)
        step = self._step[slots] * bends[self.channel[slots]] * self._vibrato_factor(slots)
        mono = self._read(frames, slots, step)
        falling = np.flatnonzero(self._fall[slots] > 0)
        if len(falling):
            mono[falling] *= self._falls(slots[falling])
        before, now = self._gains_before[:, slots], self.gains[:, slots]
        mixed = before @ mono
        if not np.array_equal(before, now):
            mixed += ((now - before) @ mono) * _FADE
            self._gains_before[:, slots] = now
        self._advance(slots, step)
        return mixed

    def _read(self, frames: NDArray[np.complex64], slots: NDArray, step: NDArray) -> NDArray[np.float32]:
        whole = np.floor(self._position[slots])
        inside = step[:, None].astype(np.float32) * _RAMP
        inside += (self._position[slots] - whole)[:, None].astype(np.float32)
        steps = inside.astype(np.int64)
        inside -= steps
        # A tone has extra frames before its first and after its last: silence, or frames of its loop.
        where = (self._start[slots] + whole.astype(np.int64))[:, None] + steps
        left, right = frames.take(where), frames[1:].take(where)
        soft, hard = self._layers[0, slots, None], self._layers[1, slots, None]
        mono = left.real * soft
        mono += left.imag * hard
        following = right.real * soft
        following += right.imag * hard
        following -= mono
        following *= inside
        mono += following
        return mono

    def _vibrato_factor(self, slots: NDArray) -> NDArray:
        depth, pace, delay = self._vibrato[:, slots]
        age = self._age[slots]
        self._age[slots] = age + BLOCK
        grown = np.clip(age / np.maximum(delay, 1.0) - 0.5, 0, 1)
        return 1 + depth * grown * np.sin(pace * age)

    def _falls(self, slots: NDArray) -> NDArray[np.float32]:
        since = np.maximum(_RAMP - self._from[slots, None], 0)
        curve = self._envelope[slots, None] * np.exp(-self._fall[slots, None] * since)
        self._envelope[slots] *= np.exp(-self._fall[slots] * (BLOCK - self._from[slots]))
        self._from[slots] = 0
        return curve.astype(np.float32)

    def _advance(self, slots: NDArray, step: NDArray) -> None:
        position = self._position[slots] + step * BLOCK
        loop = self._loop[slots]
        past = position >= self._end[slots]
        again = past & (loop > 0)
        position[again] -= loop[again]
        self._position[slots] = position
        over = (past & (loop == 0)) | (self._envelope[slots] < SILENT)
        self.active[slots[over]] = False

    def _free_slot(self, offset: int) -> int:
        if self.sounding >= MOST_VOICES:
            self._steal(offset)
        free = np.flatnonzero(~self.active)
        if len(free):
            return int(free[0])
        return int(np.argmin(self._envelope))  # every spare place is still fading, so the quietest gives way

    def _steal(self, offset: int) -> None:
        """Choose the quietest of the released voices, else the oldest voice."""
        live = self.active & (self._fall < self._fall_of(STOLEN_SECONDS))
        let_go = live & (self._fall > 0)
        if let_go.any():
            chosen = int(np.argmin(np.where(let_go, self._envelope, np.inf)))
        else:
            chosen = int(np.argmin(np.where(live, self._serial, np.iinfo(np.int64).max)))
        slots = np.zeros(_SLOTS, dtype=bool)
        slots[chosen] = True
        self.stop(slots, offset)

    def _end_slots(self, slots: NDArray[np.bool_], offset: int, seconds: float) -> None:
        fresh = slots & (self._fall == 0)
        self._from[fresh] = offset
        self._fall[slots] = np.maximum(self._fall[slots], self._fall_of(seconds))

    def _fall_of(self, seconds: float) -> float:
        return SIXTY_DB / (seconds * self._rate)


def _layers(velocity: int, gain: float) -> tuple[float, float]:
    """Return the shares of the soft and the hard layer. Loudness is the square of the velocity (General MIDI 2); colour follows it."""
    hard = min(max((velocity - 20) / 95, 0.0), 1.0)
    level = gain * (velocity / 127) ** 2
    # The layers are in phase, so shares that add up to 1 keep the level.
    return level * (1 - hard), level * hard
