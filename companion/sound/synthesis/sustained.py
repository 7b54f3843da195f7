"""Sounds that last for as long as the key is held: organs, strings, brass, reeds, pipes, voices, leads, pads.

Each has its own attack and then one long period that repeats without a seam. The players of a section, or the oscillators of a
synthesizer, differ in frequency by a few whole cycles of that period, so they beat against each other without clicks.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from companion.sound.synthesis.partials import (
    HIGHEST_SHARE,
    Floats,
    fall,
    key_hertz,
    noise,
    period,
    resonances,
    rise,
)
from companion.sound.synthesis.tone import RATE, Manner, Tone, layered

_MOST_HARMONICS = 90
# The harmonics below the first frequency, between both, and above the second rise one after the other.
_BANDS_HERTZ = (700.0, 2200.0)


@dataclass(frozen=True, slots=True)
class SustainedRecipe:
    """One recipe.

    harmonics: relative amplitudes of the first ones; later ones follow `slope`. odd: factor of the even ones. knee_hertz:
    (soft, hard) frequency above which harmonics weaken. formants: resonances (hertz, dB, octaves). players: detunings in cents.
    attack_seconds: of the low harmonics. swell: how much longer each higher band takes. breath: (level, hertz) of a steady
    noise. chiff: (level, hertz, seconds) of a noise at the start. period_seconds: about how long until it repeats.
    """

    harmonics: tuple[float, ...] = ()
    slope: float = 1.0
    odd: float = 1.0
    knee_hertz: tuple[float, float] = (1500.0, 4000.0)
    formants: tuple[tuple[float, float, float], ...] = ()
    players: tuple[float, ...] = (0.0,)
    attack_seconds: float = 0.04
    swell: float = 1.5
    overshoot: float = 0.0
    breath: tuple[float, float] = (0.0, 2000.0)
    chiff: tuple[float, float, float] = (0.0, 2000.0, 0.05)
    period_seconds: float = 0.5
    drive: float = 0.0
    manner: Manner = Manner(0.2)


def sustained_tone(recipe: SustainedRecipe, key: int) -> Tone:
    """Return the tone at a key."""
    hertz = key_hertz(key)
    cycles = max(round(hertz * recipe.period_seconds), 1)
    length = round(cycles * RATE / hertz)
    settle = max(recipe.attack_seconds * recipe.swell**2, 4 * recipe.chiff[2] if recipe.chiff[0] else 0.0)
    settle = max(settle, 1.2 if recipe.overshoot else 0.0) + 0.02
    repeats = -(-int(settle * RATE) // length)
    soft, hard = (_sound(recipe, key, cycles, length, repeats + 1, knee) for knee in recipe.knee_hertz)
    return layered(soft, hard, cycles * RATE / length, recipe.manner, (repeats * length, (repeats + 1) * length))


def _sound(recipe: SustainedRecipe, key: int, cycles: int, length: int, repeats: int, knee: float) -> Floats:
    frames = repeats * length
    bands = _bands(recipe, key, cycles, length, knee)
    if recipe.drive:
        whole = sum(bands[1:], bands[0])
        bands = [np.tanh(recipe.drive * whole / np.max(np.abs(whole))).astype(np.float32)]
    signal = np.zeros(frames, dtype=np.float32)
    for number, band in enumerate(bands):
        envelope = rise(frames, RATE, recipe.attack_seconds * recipe.swell**number)
        if recipe.overshoot:
            envelope *= 1 + recipe.overshoot * (number + 1) * fall(frames, RATE, 0.9)
        signal += np.tile(band, repeats) * envelope
    level = float(np.sqrt(np.mean(signal[-length:] ** 2)))
    if recipe.breath[0]:
        breath = noise(length, RATE, _around(recipe.breath[1]), key)
        signal += level * recipe.breath[0] * np.tile(breath, repeats) * rise(frames, RATE, recipe.attack_seconds)
    if recipe.chiff[0]:
        strength, hertz, seconds = recipe.chiff
        burst = noise(frames, RATE, _around(hertz), key + 1000) * fall(frames, RATE, 3 * seconds)
        signal += level * strength * burst * rise(frames, RATE, 0.004)
    return signal


def _around(hertz: float) -> tuple[tuple[float, float], ...]:
    return (
        (hertz / 8, -36.0),
        (hertz / 2, -6.0),
        (hertz, 0.0),
        (2 * hertz, -10.0),
        (4 * hertz, -26.0),
        (20_000.0, -60.0),
    )


def _bands(recipe: SustainedRecipe, key: int, cycles: int, length: int, knee: float) -> list[Floats]:
    """Return one period each of the low, middle and high harmonics."""
    hertz = cycles * RATE / length
    count = min(_MOST_HARMONICS, int(HIGHEST_SHARE * RATE / hertz) + 1)
    numbers = np.arange(1, count + 1)
    amplitudes = _amplitudes(recipe, numbers)
    frequencies = numbers * hertz
    # The knee follows the pitch halfway, as an instrument's own register does.
    amplitudes *= 1 / (1 + (frequencies / (knee * (hertz / 261.6) ** 0.4)) ** 4) ** 0.5
    amplitudes *= resonances(frequencies, recipe.formants)
    random = np.random.default_rng(1000 + key)
    bins, levels, phases = [], [], []
    for cents in recipe.players:
        offset = round(cycles * (2 ** (cents / 1200) - 1)) if cents else 0
        if cents and not offset:
            offset = 1 if cents > 0 else -1
        bins.append(numbers * (cycles + offset))
        levels.append(amplitudes)
        phases.append(random.uniform(0, 2 * np.pi, len(numbers)))
    return _split(np.concatenate(bins), np.concatenate(levels), np.concatenate(phases), length)


def _split(bins: NDArray, levels: NDArray, phases: NDArray, length: int) -> list[Floats]:
    edges = (0.0, *(hertz * length / RATE for hertz in _BANDS_HERTZ), float("inf"))
    return [
        period(bins[inside], levels[inside], phases[inside], length)
        for low, high in pairwise(edges)
        for inside in [(bins >= low) & (bins < high)]
    ]


def _amplitudes(recipe: SustainedRecipe, numbers: NDArray) -> NDArray:
    amplitudes = numbers.astype(np.float64) ** -recipe.slope
    amplitudes[1::2] *= recipe.odd
    given = recipe.harmonics[: len(numbers)]
    if given:
        last = given[-1] / len(given) ** -recipe.slope
        amplitudes *= last
        amplitudes[: len(given)] = given
    return amplitudes
