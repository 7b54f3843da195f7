"""The drum kit of General MIDI (keys 35-81), made from damped modes and shaped noise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from companion.sound.synthesis.partials import SIXTY_DB, Floats, damped_sum, fade_out, fall, noise, rise
from companion.sound.synthesis.tone import RATE, Manner, Tone, layered

FIRST_KEY, LAST_KEY = 35, 81
HAT = 1  # choke group: a closed hi-hat ends an open one
_Points = tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Skin:
    """A membrane: hertz at the end and start of its fall in pitch, seconds of that fall, seconds to die away."""

    hertz: float
    from_hertz: float
    fall_seconds: float
    seconds: float
    level: float = 1.0


def _skin(skin: Skin, frames: int) -> Floats:
    times = np.arange(frames) / RATE
    glide = np.exp(-times / skin.fall_seconds)
    phase = 2 * np.pi * (skin.hertz * times - (skin.from_hertz - skin.hertz) * skin.fall_seconds * (glide - 1))
    return (skin.level * np.sin(phase) * np.exp(-SIXTY_DB / skin.seconds * times)).astype(np.float32)


def _hiss(frames: int, points: _Points, seconds: float, seed: int, attack_seconds: float = 0.001) -> Floats:
    return noise(frames, RATE, points, seed) * fall(frames, RATE, seconds) * rise(frames, RATE, attack_seconds)


def _band(hertz: float, width_octaves: float = 1.0, depth: float = -30.0) -> _Points:
    factor = 2**width_octaves
    return ((hertz / factor**2, 2 * depth), (hertz / factor, depth / 3), (hertz, 0.0), (hertz * factor, depth / 3),
            (hertz * factor**2, 2 * depth))  # fmt: skip


def _frames(seconds: float) -> int:
    return int(seconds * RATE)


def _kick(hertz: float, click: float) -> Callable[[int], Floats]:
    def make(layer: int) -> Floats:
        frames = _frames(0.5)
        body = _skin(Skin(hertz, hertz * (3.2, 4.4)[layer], 0.018, 0.42), frames)
        beater = _hiss(frames, _band(1800, 1.2), 0.03, 1)
        return body + np.float32(click * (0.35, 1.0)[layer]) * beater

    return make


def _snare(hertz: float, wires_seconds: float) -> Callable[[int], Floats]:
    def make(layer: int) -> Floats:
        frames = _frames(0.45)
        shell = _skin(Skin(hertz, hertz * 1.5, 0.012, 0.16), frames) + _skin(
            Skin(hertz * 1.7, hertz * 2.1, 0.01, 0.11, 0.5), frames
        )
        points = (
            (150.0, -30.0),
            (700.0, -9.0),
            (2000.0, -2.0),
            (5000.0, 0.0),
            (9000.0, (-14.0, -5.0)[layer]),
            (18000.0, -26.0),
        )
        wires = _hiss(frames, points, wires_seconds, 2)
        snap = _hiss(frames, _band(4000, 1.5), 0.03, 3)
        return shell * np.float32(0.9) + np.float32(0.34) * wires + np.float32((0.15, 0.5)[layer]) * snap

    return make


def _tom(hertz: float) -> Callable[[int], Floats]:
    def make(layer: int) -> Floats:
        frames = _frames(0.9)
        body = _skin(Skin(hertz, hertz * (1.25, 1.5)[layer], 0.05, 0.75), frames)
        second = _skin(Skin(hertz * 1.6, hertz * 1.9, 0.04, 0.3, 0.3), frames)
        return body + second + np.float32((0.06, 0.16)[layer]) * _hiss(frames, _band(1200, 1.5), 0.07, 4)

    return make


# Close, inharmonic partials of a thin plate give cymbals their shimmer without pitch.
_PLATE = np.array([1.0, 1.34, 1.71, 2.03, 2.42, 2.77, 3.11, 3.58, 4.07, 4.63, 5.21, 5.9, 6.6, 7.4, 8.3, 9.4])


def _metal(
    hertz: float, seconds: float, bright: float, ping: float, low: float = 3000.0, attack: float = 0.001
) -> Callable[[int], Floats]:
    def make(layer: int) -> Floats:
        length = _frames(min(seconds, 3.2))
        frequencies = hertz * _PLATE
        decays = SIXTY_DB / seconds * (1 + frequencies / 9000)
        phases = np.random.default_rng(5).uniform(0, 2 * np.pi, len(_PLATE))
        plate = damped_sum(frequencies, decays, _PLATE**-0.3, phases, length, RATE)
        points = (
            (low / 4, -40.0),
            (low, -6.0),
            (2 * low, 0.0),
            (9000.0, (-8.0, -2.0)[layer]),
            (15000.0, (-20.0, -9.0)[layer]),
        )
        wash = _hiss(length, points, seconds * 0.8, 6, attack)
        shimmer = _hiss(length, ((6000.0, -30.0), (9000.0, 0.0), (16000.0, -6.0)), seconds * 0.35, 7)
        return (
            plate * np.float32(ping * 0.25) + np.float32(0.5) * wash + np.float32(bright * (0.1, 0.35)[layer]) * shimmer
        )

    return make


def _knock(
    partials: tuple[tuple[float, float, float], ...], hiss: float = 0.0, hiss_hertz: float = 2500.0
) -> Callable[[int], Floats]:
    """partials: (hertz, amplitude, seconds)."""

    def make(layer: int) -> Floats:
        table = np.array(partials)
        frames = _frames(float(table[:, 2].max()) * 1.1 + 0.02)
        tone = damped_sum(table[:, 0], SIXTY_DB / table[:, 2], table[:, 1], np.zeros(len(table)), frames, RATE)
        if hiss:
            tone = tone + np.float32(hiss * (0.5, 1.0)[layer]) * _hiss(frames, _band(hiss_hertz), 0.03, 8)
        return tone * rise(frames, RATE, 0.0008)

    return make


def _rattle(
    hertz: float, seconds: float, attack_seconds: float = 0.004, bursts: tuple[float, ...] = (0.0,)
) -> Callable[[int], Floats]:
    """A noise in one or more bursts, at these seconds."""

    def make(layer: int) -> Floats:
        frames = _frames(seconds * 1.2 + max(bursts) + 0.02)
        signal = np.zeros(frames, dtype=np.float32)
        for number, start in enumerate(bursts):
            left = frames - _frames(start)
            last = number == len(bursts) - 1
            signal[_frames(start) :] += _hiss(
                left, _band(hertz, 0.9), seconds if last else 0.03, 9 + number, attack_seconds
            )
        return signal

    return make


_Entry = tuple[Callable[[int], Floats], float, float, int]  # maker, level in dB over 0.3 s as in `programs`, pan, choke

KIT: dict[int, _Entry] = {
    35: (_kick(46, 0.2), -27, 0.0, 0),
    36: (_kick(52, 0.35), -27, 0.0, 0),
    37: (_knock(((1700, 1.0, 0.05), (2600, 0.6, 0.04), (480, 0.5, 0.06)), 0.3), -36, 0.0, 0),
    38: (_snare(185, 0.28), -28, 0.0, 0),
    39: (_rattle(1500, 0.16, 0.001, (0.0, 0.011, 0.023, 0.033)), -34, 0.1, 0),
    40: (_snare(230, 0.2), -29, 0.0, 0),
    41: (_tom(78), -27, 0.45, 0),
    42: (_metal(2900, 0.09, 1.0, 0.5, 5000), -41, -0.25, HAT),
    43: (_tom(92), -27, 0.35, 0),
    44: (_metal(2700, 0.12, 0.6, 0.5, 4500), -42, -0.25, HAT),
    45: (_tom(112), -27, 0.2, 0),
    46: (_metal(2900, 1.7, 1.0, 0.5, 5000), -40, -0.25, HAT),
    47: (_tom(134), -27, 0.0, 0),
    48: (_tom(160), -28, -0.15, 0),
    49: (_metal(520, 2.6, 1.0, 0.5, 2200), -33, -0.4, 0),
    50: (_tom(192), -28, -0.3, 0),
    51: (_metal(3100, 2.2, 0.35, 2.6, 4500), -43, 0.35, 0),
    52: (_metal(430, 1.9, 1.2, 0.7, 1500), -33, 0.4, 0),
    53: (_metal(980, 1.8, 0.2, 4.0, 3500), -41, 0.35, 0),
    54: (_metal(4200, 0.22, 1.2, 0.8, 6000, 0.004), -36, 0.2, 0),
    55: (_metal(760, 1.1, 1.2, 0.5, 3000), -35, -0.3, 0),
    56: (_knock(((562, 1.0, 0.22), (845, 0.8, 0.2), (1690, 0.3, 0.1))), -34, 0.2, 0),
    57: (_metal(460, 2.8, 1.0, 0.5, 1900), -33, 0.4, 0),
    58: (_rattle(2600, 0.5, 0.001, (0.0, 0.03, 0.06, 0.09, 0.12)), -38, 0.3, 0),
    59: (_metal(2700, 2.0, 0.5, 2.0, 4000), -44, 0.35, 0),
    60: (_knock(((420, 1.0, 0.13), (700, 0.3, 0.06)), 0.15), -35, -0.3, 0),
    61: (_knock(((300, 1.0, 0.16), (520, 0.3, 0.07)), 0.12), -33, -0.3, 0),
    62: (_knock(((350, 1.0, 0.07), (640, 0.4, 0.05)), 0.25), -36, 0.3, 0),
    63: (_knock(((270, 1.0, 0.22), (480, 0.3, 0.1)), 0.1), -32, 0.3, 0),
    64: (_knock(((195, 1.0, 0.28), (350, 0.3, 0.12)), 0.08), -30, 0.3, 0),
    65: (_knock(((440, 1.0, 0.3), (770, 0.5, 0.2), (1180, 0.3, 0.1)), 0.2), -30, 0.2, 0),
    66: (_knock(((320, 1.0, 0.35), (560, 0.5, 0.22), (860, 0.3, 0.1)), 0.15), -29, 0.2, 0),
    67: (_knock(((1450, 1.0, 0.3), (2210, 0.5, 0.2), (3900, 0.2, 0.1))), -36, -0.3, 0),
    68: (_knock(((1080, 1.0, 0.32), (1650, 0.5, 0.22), (2900, 0.2, 0.1))), -35, -0.3, 0),
    69: (_rattle(5200, 0.08, 0.012), -37, 0.3, 0),
    70: (_rattle(6000, 0.06, 0.008), -40, -0.3, 0),
    71: (_knock(((2300, 1.0, 0.25), (2350, 0.4, 0.25))), -31, 0.0, 0),
    72: (_knock(((2250, 1.0, 0.5), (2300, 0.4, 0.5))), -28, 0.0, 0),
    73: (_rattle(3600, 0.09, 0.01, (0.0, 0.02, 0.04)), -36, -0.3, 0),
    74: (_rattle(3300, 0.3, 0.04, tuple(0.022 * n for n in range(10))), -36, -0.3, 0),
    75: (_knock(((2500, 1.0, 0.06), (3900, 0.2, 0.03))), -35, 0.2, 0),
    76: (_knock(((1150, 1.0, 0.07), (2250, 0.3, 0.04)), 0.1), -33, 0.2, 0),
    77: (_knock(((820, 1.0, 0.08), (1600, 0.3, 0.05)), 0.1), -33, 0.2, 0),
    78: (_knock(((520, 1.0, 0.12), (610, 0.6, 0.12)), 0.05), -30, 0.3, 0),
    79: (_knock(((330, 1.0, 0.3), (390, 0.5, 0.25)), 0.05), -30, 0.3, 0),
    80: (_knock(((3100, 1.0, 0.08), (5200, 0.8, 0.07), (7600, 0.5, 0.05))), -42, -0.3, 0),
    81: (_knock(((3100, 1.0, 1.6), (5200, 0.8, 1.3), (7600, 0.5, 0.9))), -38, -0.3, 0),
}  # fmt: skip


def make_drum(key: int) -> tuple[Tone, float]:
    """Return the tone of a drum and its level in dB. A key outside the kit sounds like the nearest key of the kit."""
    maker, level, pan, choke = KIT[min(max(key, FIRST_KEY), LAST_KEY)]
    soft, hard = (fade_out(maker(layer).astype(np.float32), 0.15) for layer in (0, 1))
    return layered(
        soft, hard, 0.0, Manner(0.0, room=0.16, choke=choke, pan=pan)
    ), level - 3.0  # tones are weighed over 0.6 s
