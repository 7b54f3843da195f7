"""What a test hears: notes rendered offline, levels, onsets and brightness."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from companion.sound.rendering import RATE, Timed, render

Sound = NDArray[np.float32]


def hear(*messages: Timed, gain: float = 1.0) -> Sound:
    """Frames × 2, from time 0 until all has died away."""
    return np.concatenate(list(render(messages, RATE, gain)))


def note(seconds: float, key: int, length: float = 0.5, velocity: int = 100, channel: int = 0) -> list[Timed]:
    """Both messages of a note."""
    return [Timed(seconds, 0x90 | channel, key, velocity), Timed(seconds + length, 0x80 | channel, key, 0)]


def program(number: int, channel: int = 0) -> Timed:
    """An instrument, chosen at the beginning."""
    return Timed(0.0, 0xC0 | channel, number, 0)


def level_db(sound: Sound) -> float:
    """Power of both sides together, in decibels."""
    return float(10 * np.log10(2 * np.mean(sound.astype(np.float64) ** 2) + 1e-12))


def brightness(sound: Sound) -> float:
    """The centre of the amplitudes of the spectrum, hertz."""
    mono = sound.mean(axis=1) * np.hanning(len(sound))
    amplitudes = np.abs(np.fft.rfft(mono))
    return float((amplitudes * np.fft.rfftfreq(len(mono), 1 / RATE)).sum() / amplitudes.sum())


def onsets(sound: Sound, threshold: float = 2e-3, rest_seconds: float = 0.03) -> list[int]:
    """Frames at which something is heard after a rest."""
    loud = np.flatnonzero(np.abs(sound).max(axis=1) > threshold)
    after_rest = np.diff(loud, prepend=-RATE) > rest_seconds * RATE
    return [int(frame) for frame in loud[after_rest]]
