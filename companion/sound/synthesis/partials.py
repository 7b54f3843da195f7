"""The building blocks of every tone. Frequencies are in hertz, times in seconds. Signals are one-dimensional float32.

Decaying sounds are sums of damped sinusoids. Sustained sounds are one period of a spectrum that repeats without a seam. Noises are
random spectra with a shape. All of these take a few matrix products and Fourier transforms, so a tone of several seconds takes
milliseconds to make.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
_CHUNK = 256  # frames of one column of the product in `damped_sum`
LOWEST_HZ, HIGHEST_SHARE = 20.0, 0.42  # partials above this share of the sampling rate are left out
SIXTY_DB = 6.91  # natural logarithm of 1,000: a decay rate times the time in which a sound falls by 60 dB


def damped_sum(
    frequencies: NDArray, decays: NDArray, amplitudes: NDArray, phases: NDArray, frames: int, rate: float
) -> Floats:
    """Return the sum of amplitude · exp(-decay · t) · sin(2π · frequency · t + phase); decays in 1/s, all arrays of one length."""
    keep = (frequencies > LOWEST_HZ) & (frequencies < HIGHEST_SHARE * rate) & (np.abs(amplitudes) > 1e-6)
    exponent = (-decays[keep] + 2j * np.pi * frequencies[keep]) / rate
    start = amplitudes[keep] * np.exp(1j * phases[keep])
    chunks = -(-frames // _CHUNK)
    # exp(a + b) = exp(a) · exp(b): each chunk has its own starting factor, and the factors within all chunks are the same.
    inside = np.exp(exponent[:, None] * np.arange(_CHUNK))
    starts = start[:, None] * np.exp(exponent[:, None] * _CHUNK * np.arange(chunks))
    left = np.concatenate([np.real(starts), np.imag(starts)]).astype(np.float32)
    right = np.concatenate([np.imag(inside), np.real(inside)]).astype(np.float32)
    return (left.T @ right).reshape(-1)[:frames]


def period(bins: NDArray, amplitudes: NDArray, phases: NDArray, frames: int) -> Floats:
    """Return one period of `frames` frames. `bins` are whole cycles in it; bins at or above half the frames are left out."""
    spectrum = np.zeros(frames // 2 + 1, dtype=np.complex128)
    keep = (bins > 0) & (bins < HIGHEST_SHARE * frames)
    np.add.at(spectrum, bins[keep].astype(int), amplitudes[keep] * np.exp(1j * phases[keep]))
    return (np.fft.irfft(spectrum, frames) * (frames / 2)).astype(np.float32)


def noise(frames: int, rate: float, points: Sequence[tuple[float, float]], seed: int) -> Floats:
    """Return noise that repeats after `frames`, at a level of about 1. Its spectrum interpolates between (hertz, decibels) points."""
    frequencies = np.fft.rfftfreq(frames, 1 / rate)
    shape = _curve(frequencies, points)
    random = np.random.default_rng(seed)
    spectrum = shape * np.exp(2j * np.pi * random.random(len(shape)))
    spectrum[0] = 0
    signal = np.fft.irfft(spectrum, frames)
    return (signal / max(float(np.sqrt(np.mean(signal**2))), 1e-9)).astype(np.float32)


def resonances(frequencies: NDArray, peaks: Sequence[tuple[float, float, float]]) -> NDArray:
    """Return the gain of a body at each frequency. peaks: (hertz, decibels, width in octaves), on top of 0 dB."""
    octaves = np.log2(np.maximum(frequencies, 1.0))
    decibels = np.zeros_like(octaves)
    for centre, height, width in peaks:
        decibels += height * np.exp(-(((octaves - np.log2(centre)) / width) ** 2))
    return 10 ** (decibels / 20)


def _curve(frequencies: NDArray, points: Sequence[tuple[float, float]]) -> NDArray:
    logs = np.log2(np.maximum(frequencies, 1.0))
    return 10 ** (np.interp(logs, [np.log2(hertz) for hertz, _ in points], [level for _, level in points]) / 20)


def rise(frames: int, rate: float, seconds: float, delay_seconds: float = 0.0) -> Floats:
    """Return a rise from 0 to 1 along half a cosine within `seconds`, after a delay; then 1."""
    times = (np.arange(frames, dtype=np.float32) / rate - delay_seconds) / max(seconds, 1e-4)
    return (0.5 - 0.5 * np.cos(np.pi * np.clip(times, 0, 1))).astype(np.float32)


def fall(frames: int, rate: float, sixty_db_seconds: float) -> Floats:
    """Return an exponential decay that has fallen by 60 dB after `sixty_db_seconds`."""
    return np.exp(np.arange(frames, dtype=np.float32) * np.float32(-SIXTY_DB / (sixty_db_seconds * rate)))


def fade_out(signal: Floats, share: float = 0.12) -> Floats:
    """Return the same signal with its last part faded to silence."""
    frames = max(int(len(signal) * share), 1)
    signal[-frames:] *= 0.5 + 0.5 * np.cos(np.pi * np.arange(1, frames + 1, dtype=np.float32) / frames)
    return signal


def key_hertz(key: float) -> float:
    """Return the frequency of a MIDI key in equal temperament, A4 = 440 Hz."""
    return 440.0 * 2 ** ((key - 69) / 12)
