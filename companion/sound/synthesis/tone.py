"""A tone is what a voice plays for the keys around its root, in a soft and a hard layer."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from companion.sound.synthesis.partials import Floats

RATE = 48_000  # of tones; for other device rates they are read faster or slower
LEVEL_SECONDS = 0.6  # loudness is measured over the first part of a note


@dataclass(frozen=True, slots=True)
class Manner:
    """How a voice plays a tone.

    release_seconds: time to fall by 60 dB after the note's end; 0 = the note's end changes nothing. vibrato: (depth in cents,
    hertz, seconds until it is there). room: how much goes into the reverberation. choke: tones of one number end each other.
    pan: -1 left to 1 right, for drums.
    """

    release_seconds: float = 0.15
    vibrato: tuple[float, float, float] = (0.0, 5.0, 0.3)
    room: float = 0.2
    choke: int = 0
    pan: float = 0.0


@dataclass(frozen=True, slots=True)
class Tone:
    """The frames of both layers. The real part is the soft layer, the imaginary part the hard one, so that one look-up fetches both.

    root_hertz: the pitch of the frames. loop: (first, after last) frame to repeat, or None for a tone that dies away by itself.
    """

    frames: NDArray[np.complex64]
    root_hertz: float
    manner: Manner = field(default_factory=Manner)
    loop: tuple[int, int] | None = None


def layered(soft: Floats, hard: Floats, root_hertz: float, manner: Manner, loop: tuple[int, int] | None = None) -> Tone:
    """Make a tone whose layers are equally loud over the first `LEVEL_SECONDS`, at a root mean square of 1."""
    frames = np.empty(max(len(soft), len(hard)), dtype=np.complex64)
    frames[:] = 0
    frames.real[: len(soft)] = soft / loudness(soft)
    frames.imag[: len(hard)] = hard / loudness(hard)
    return Tone(frames, root_hertz, manner, loop)


def loudness(signal: Floats) -> float:
    """Return the root mean square over `LEVEL_SECONDS`. Silence after the end counts. A looping tone is taken to go on as it ends."""
    part = signal[: int(LEVEL_SECONDS * RATE)]
    return max(float(np.sqrt(np.sum(part.astype(np.float64) ** 2) / (LEVEL_SECONDS * RATE))), 1e-6)
