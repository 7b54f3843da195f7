"""The last stages of the mix: a small room and a limiter. Both work in blocks of `BLOCK` frames."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from companion.sound.synth.voices import BLOCK

# A feedback delay network (Jot and Chaigne 1991): delays without common factors, mixed by an orthogonal matrix.
_DELAY_SECONDS = (0.0129, 0.0171, 0.0233, 0.0297, 0.0359, 0.0421, 0.0487, 0.0541)
_REVERBERATION_SECONDS = 0.85
_DAMPING = 0.32  # of high frequencies, at each round
_SIGNS = np.array([[1, 1, -1, -1, 1, 1, -1, -1], [1, -1, 1, -1, -1, 1, -1, 1]], dtype=np.float32)
CEILING = 0.94
_RECOVERY_SECONDS = 0.25


def _hadamard(size: int) -> NDArray[np.float32]:
    matrix = np.ones((1, 1))
    while len(matrix) < size:
        matrix = np.block([[matrix, matrix], [matrix, -matrix]])
    return (matrix / np.sqrt(size)).astype(np.float32)


class Room:
    """A small, dull room. Delays are at least a block long, so that a block does not depend on its own output."""

    def __init__(self, rate: float) -> None:
        self._delays = np.array([max(round(seconds * rate), BLOCK + 1) for seconds in _DELAY_SECONDS])
        rounds = _REVERBERATION_SECONDS * rate / self._delays
        self._mix = _hadamard(len(self._delays)) * (10 ** (-3 / rounds)).astype(np.float32)[None, :]
        longest = int(self._delays.max()) + BLOCK + 1
        self._length = -(-longest // BLOCK) * BLOCK
        self._lines = np.zeros((len(self._delays), self._length), dtype=np.float32)
        self._rows = np.arange(len(self._delays))[:, None]
        self._at = 0
        self._tail = np.zeros((len(self._delays), 1), dtype=np.float32)
        self._quiet_blocks = 0

    def add(self, sent: NDArray[np.float32], stereo: NDArray[np.float32]) -> None:
        """Let `sent` (BLOCK) sound in the room, and add the reverberation to `stereo` (2 × BLOCK)."""
        self._quiet_blocks = 0 if np.any(sent) else self._quiet_blocks + 1
        if self._quiet_blocks * BLOCK > 3 * _REVERBERATION_SECONDS * 48_000:
            return  # everything has died away
        where = (self._at - self._delays[:, None] + np.arange(BLOCK)) % self._length
        back = self._lines[self._rows, where]
        before = np.concatenate([self._tail, back[:, :-1]], axis=1)
        self._tail = back[:, -1:].copy()
        damped = (1 - _DAMPING) * back + _DAMPING * before
        self._lines[:, self._at : self._at + BLOCK] = self._mix @ damped + sent * 0.5
        self._at = (self._at + BLOCK) % self._length
        stereo += _SIGNS @ back * np.float32(0.5)


class Limiter:
    """Keeps every frame within the ceiling. It looks one block ahead and turns the sound down before a peak."""

    def __init__(self, rate: float) -> None:
        self._waiting = np.zeros((2, BLOCK), dtype=np.float32)
        self._waiting_gain = 1.0  # the gain that the waiting block needs
        self._gain = 1.0
        self._recovery = 1 - np.exp(-BLOCK / (_RECOVERY_SECONDS * rate))
        self._ramp = (np.arange(BLOCK, dtype=np.float32) + 1) / BLOCK

    def process(self, stereo: NDArray[np.float32]) -> NDArray[np.float32]:
        """Take `stereo` and return the block before it, limited. The output is `BLOCK` frames late."""
        peak = float(np.max(np.abs(stereo)))
        needed = min(1.0, CEILING / peak) if peak > 0 else 1.0
        recovered = self._gain + (1.0 - self._gain) * self._recovery
        target = min(recovered, self._waiting_gain, needed)
        block, self._waiting = self._waiting, stereo
        self._waiting_gain = needed
        if target == self._gain == 1.0:
            return block
        ramp = np.float32(self._gain) + np.float32(target - self._gain) * self._ramp
        self._gain = target
        return block * ramp
