"""Struck or plucked sounds that die away: pianos, tines, bars, bells, guitars, harps, basses.

Each is a sum of damped partials. High partials die first, so a tone darkens while it fades. The hard layer has more of them.
The recipes follow the usual physics of strings and bars (Fletcher and Rossing, The Physics of Musical Instruments, 1998).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from companion.sound.synthesis.partials import (
    HIGHEST_SHARE,
    SIXTY_DB,
    Floats,
    damped_sum,
    fade_out,
    fall,
    key_hertz,
    noise,
    resonances,
    rise,
)
from companion.sound.synthesis.tone import RATE, Manner, Tone, layered

_MOST_PARTIALS = 64


@dataclass(frozen=True, slots=True)
class StringRecipe:
    """A struck or plucked string.

    place: where the string is struck or plucked, 0-0.5 of its length.
    slope: how fast partials weaken, as a power of their number. bright_hertz: (soft, hard)
    frequency above which the hammer or finger excites little. stiffness: inharmonicity at middle C. ring: (seconds that C4 takes
    to fall by 60 dB, power by which this shortens upwards). damping: how much faster a partial at 1 kHz dies than the lowest.
    strings: detunings in cents of the strings of one key. after_ring: share of the sound that dies four times slower.
    knock: (level, lowest hertz, highest hertz, seconds) of the noise of the attack. body: resonances. drive: overdrive, 0 = none.
    """

    place: float = 0.13
    slope: float = 0.9
    bright_hertz: tuple[float, float] = (1200.0, 3800.0)
    stiffness: float = 0.0
    ring: tuple[float, float] = (5.0, 0.55)
    damping: float = 1.2
    strings: tuple[float, ...] = (0.0,)
    after_ring: float = 0.0
    attack_seconds: float = 0.002
    knock: tuple[float, float, float, float] = (0.0, 100.0, 1000.0, 0.03)
    body: tuple[tuple[float, float, float], ...] = ()
    longest_seconds: float = 4.5
    drive: float = 0.0
    manner: Manner = Manner(0.25)


def string_tone(recipe: StringRecipe, key: int) -> Tone:
    """A string's tone at a key."""
    hertz = key_hertz(key)
    soft, hard = (_string(recipe, key, hertz, bright) for bright in recipe.bright_hertz)
    return layered(soft, hard, hertz, recipe.manner)


def _string(recipe: StringRecipe, key: int, hertz: float, bright_hertz: float) -> Floats:
    stiffness = recipe.stiffness * (hertz / 261.6) ** 1.3
    count = min(_MOST_PARTIALS, int(HIGHEST_SHARE * RATE / hertz) + 1, int(5 * bright_hertz / hertz) + 3)
    numbers = np.arange(1, count + 1)
    frequencies = hertz * numbers * np.sqrt((1 + stiffness * numbers**2) / (1 + stiffness))
    # Low strings have a lower knee than high ones, because hammers are softer in the bass.
    knee = bright_hertz * (hertz / 261.6) ** 0.35
    amplitudes = np.abs(np.sin(np.pi * numbers * recipe.place)) * numbers**-recipe.slope
    amplitudes = amplitudes * np.exp(-frequencies / knee) * resonances(frequencies, recipe.body)
    ring_seconds = recipe.ring[0] * (261.6 / hertz) ** recipe.ring[1]
    decays = SIXTY_DB / ring_seconds * (1 + recipe.damping * (frequencies - hertz) / 1000)
    seconds = min(recipe.longest_seconds, ring_seconds * 1.05)
    frames = int(seconds * RATE)
    random = np.random.default_rng(key)
    signal = np.zeros(frames, dtype=np.float32)
    for number, cents in enumerate(recipe.strings):
        detuned = frequencies * 2 ** (cents / 1200)
        phases = random.uniform(-0.4, 0.4, len(numbers)) * (number > 0)
        for share, slower in ((1 - recipe.after_ring, 1.0), (recipe.after_ring, 0.25)):
            if share > 0:
                signal += damped_sum(detuned, decays * slower, share * amplitudes, phases, frames, RATE)
    if recipe.drive:
        signal = np.tanh(recipe.drive * signal / np.max(np.abs(signal))).astype(np.float32)
    signal *= rise(frames, RATE, recipe.attack_seconds)
    if recipe.knock[0] > 0:
        signal += _knock(recipe, frames, float(np.max(np.abs(signal))), key)
    return fade_out(signal)


def _knock(recipe: StringRecipe, frames: int, peak: float, seed: int) -> Floats:
    level, low, high, seconds = recipe.knock
    points = ((low / 2, -30.0), (low, 0.0), (high, 0.0), (high * 2, -24.0), (20_000.0, -60.0))
    length = min(int(2 * seconds * RATE), frames)
    knock = np.zeros(frames, dtype=np.float32)
    knock[:length] = noise(length, RATE, points, seed) * fall(length, RATE, seconds) * rise(length, RATE, 0.0015)
    return level * peak * knock


@dataclass(frozen=True, slots=True)
class BarRecipe:
    """Bars, tines, bells and tuned membranes: partials at fixed ratios to the lowest.

    modes: (ratio, amplitude soft, amplitude hard, seconds to fall by 60 dB at C5). shorten: power by which high tones die faster.
    tremolo: (depth, hertz). bite: how far a pick-up bends loud tones, which adds harmonics that fade with the tone.
    """

    modes: tuple[tuple[float, float, float, float], ...]
    shorten: float = 0.4
    attack_seconds: float = 0.0015
    tremolo: tuple[float, float] = (0.0, 5.0)
    bite: tuple[float, float] = (0.0, 0.0)
    knock: tuple[float, float, float, float] = (0.0, 400.0, 3000.0, 0.01)
    longest_seconds: float = 4.0
    manner: Manner = Manner(0.5)


def bar_tone(recipe: BarRecipe, key: int) -> Tone:
    """A bar's tone at a key."""
    hertz = key_hertz(key)
    soft, hard = (_bar(recipe, key, hertz, layer) for layer in (0, 1))
    return layered(soft, hard, hertz, recipe.manner)


def _bar(recipe: BarRecipe, key: int, hertz: float, layer: int) -> Floats:
    modes = np.array(recipe.modes)
    ring = modes[:, 3] * (523.25 / hertz) ** recipe.shorten
    seconds = min(recipe.longest_seconds, float(ring.max()) * 1.05)
    frames = int(seconds * RATE)
    amplitudes: NDArray = modes[:, 1 + layer]
    signal = damped_sum(modes[:, 0] * hertz, SIXTY_DB / ring, amplitudes, np.zeros(len(modes)), frames, RATE)
    if bite := recipe.bite[layer]:
        scaled = signal / np.max(np.abs(signal))
        signal = (scaled + bite * (scaled**2 - 0.5 * scaled**3)).astype(np.float32)
        signal -= bite * 0.25 * fall(frames, RATE, seconds)  # most of the offset that squaring adds
    if recipe.tremolo[0]:
        times = np.arange(frames, dtype=np.float32) / RATE
        signal *= 1 - recipe.tremolo[0] * (0.5 - 0.5 * np.cos(2 * np.pi * recipe.tremolo[1] * times))
    signal *= rise(frames, RATE, recipe.attack_seconds)
    if recipe.knock[0] > 0:
        as_string = StringRecipe(knock=(recipe.knock[0] * (0.4, 1.0)[layer], *recipe.knock[1:]))
        signal += _knock(as_string, frames, float(np.max(np.abs(signal))), key)
    return fade_out(signal)


def modes(*rows: Sequence[float]) -> tuple[tuple[float, float, float, float], ...]:
    """Rows of a `BarRecipe` as tuples of four."""
    return tuple((row[0], row[1], row[2], row[3]) for row in rows)
