"""Keeps the tones in memory, in one long array. They are made when first needed, one for every three keys of an instrument.

Voices of all instruments read from the same array, so a few array operations render all voices.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from companion.sound.synthesis.drums import make_drum
from companion.sound.synthesis.partials import key_hertz
from companion.sound.synthesis.programs import LEVELS_DB, make_tone
from companion.sound.synthesis.tone import RATE, Manner, Tone

DRUMS = 128  # stands for the drum kit among the programs
KEYS_A_TONE = 3
GUARD = 2048  # frames before and after each tone, so that a voice's block need not check where the tone ends
_FIRST_FRAMES = 4_000_000
_USUAL_KEYS = range(24, 100, KEYS_A_TONE)
_REFERENCE_VELOCITY = 100  # the one that levels are meant for


@dataclass(frozen=True, slots=True)
class Placed:
    """The place of a tone: `start` and `length` in frames of the array, loop as (first, length), 0 = none. gain: for velocity 127."""

    start: int
    length: int
    loop_start: int
    loop_length: int
    root_hertz: float
    gain: float
    manner: Manner


class ToneBank:
    """Tones by (program, root key). One thread may make tones while another one reads them.

    waits: whether a missing tone is made at once (for files). Otherwise the nearest tone is used while it is being made (for devices).
    """

    def __init__(self, *, waits: bool = True) -> None:
        self.frames: NDArray[np.complex64] = np.zeros(_FIRST_FRAMES, dtype=np.complex64)
        self._used = GUARD
        self._placed: dict[tuple[int, int], Placed] = {}
        self._waits = waits
        self._wanted: deque[tuple[int, int]] = deque()
        self._wake = threading.Condition()
        self._closed = False

    def find(self, program: int, key: int) -> Placed | None:
        """Return the tone for a key of a program (`DRUMS` = the kit), or None if not even a nearby tone has been made yet."""
        wanted = (program, key if program == DRUMS else _root(key))
        placed = self._placed.get(wanted)
        if placed is not None:
            return placed
        if self._waits:
            return self._make(wanted)
        self._ask(wanted, urgent=True)
        return self._nearest(*wanted)

    def prepare(self, program: int) -> None:
        """Request the usual keys of a program, the middle ones first."""
        if self._waits:
            return
        keys = range(35, 82) if program == DRUMS else sorted(_USUAL_KEYS, key=lambda key: abs(key - 57))
        for key in keys:
            self._ask((program, key))

    def work(self) -> None:
        """Make requested tones until `close`. This is the body of a thread."""
        while True:
            with self._wake:
                while not self._wanted and not self._closed:
                    self._wake.wait()
                if self._closed:
                    return
                wanted = self._wanted.popleft()
            if wanted not in self._placed:
                begun = time.monotonic()
                self._make(wanted)
                time.sleep(time.monotonic() - begun)  # half of a core is left for other work

    @property
    def waiting(self) -> int:
        """How many tones are still to be made."""
        return len(self._wanted)

    @property
    def used_bytes(self) -> int:
        """Memory that tones take."""
        return self._used * self.frames.itemsize

    def close(self) -> None:
        """End `work`."""
        with self._wake:
            self._closed = True
            self._wake.notify_all()

    def _ask(self, wanted: tuple[int, int], urgent: bool = False) -> None:
        if wanted in self._placed:
            return
        with self._wake:
            if urgent:
                self._wanted.appendleft(wanted)
            elif wanted not in self._wanted:
                self._wanted.append(wanted)
            self._wake.notify()

    def _nearest(self, program: int, key: int) -> Placed | None:
        near = [(abs(root - key), root) for made, root in list(self._placed) if made == program]
        return self._placed[program, min(near)[1]] if near and program != DRUMS else None

    def _make(self, wanted: tuple[int, int]) -> Placed:
        program, key = wanted
        if program == DRUMS:
            tone, level = make_drum(key)
        else:
            tone, level = make_tone(program, key), float(LEVELS_DB[program])
        placed = self._place(tone, 10 ** (level / 20) * (127 / _REFERENCE_VELOCITY) ** 2)
        self._placed[wanted] = placed
        return placed

    def _place(self, tone: Tone, gain: float) -> Placed:
        length = len(tone.frames)
        start, end = self._used, self._used + length + GUARD
        if end + GUARD > len(self.frames):
            grown = np.zeros(max(2 * len(self.frames), end + GUARD), dtype=np.complex64)
            grown[: self._used] = self.frames[: self._used]
            self.frames = grown
        self.frames[start : start + length] = tone.frames
        loop_start, loop_length = 0, 0
        if tone.loop is not None:
            loop_start, loop_length = tone.loop[0], tone.loop[1] - tone.loop[0]
            around = loop_start + np.arange(GUARD) % loop_length
            self.frames[start + length : end] = tone.frames[around]
        self._used = end + GUARD
        return Placed(start, length, loop_start, loop_length, tone.root_hertz, gain, tone.manner)


def _root(key: int) -> int:
    return min(KEYS_A_TONE * round(key / KEYS_A_TONE), 126)


def reading_step(placed: Placed, key: int, rate: float) -> float:
    """Return the number of the tone's frames for each output frame at `rate`."""
    pitch = key_hertz(key) / placed.root_hertz if placed.root_hertz else 1.0
    return min(pitch * RATE / rate, GUARD / 256 / 1.5)
