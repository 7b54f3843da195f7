"""Measures the computing time of 32 voices of the built-in synthesizer, without a device."""

from __future__ import annotations

from time import process_time
from typing import Any

import numpy as np

from companion.bench.machine import describe_machine
from companion.sound.synth.bank import ToneBank
from companion.sound.synth.synthesizer import Synthesizer
from companion.sound.synth.voices import BLOCK, MOST_VOICES

RATE = 48_000
PROGRAMS = (0, 33, 48, 24)  # piano, bass, strings, guitar
ROUNDS, SECONDS_A_ROUND = 9, 1.0


def measure_sound() -> dict[str, Any]:
    """{machine, voices, rate, block_frames, core_share {p50, max}, block_us, tones_seconds, tones_mb}.

    core_share: processor time of this process over the time of the sound it made, in rounds of a second each, as the median and the
    worst; all voices sound in each. tones_seconds: to make every tone that was played.
    """
    bank = ToneBank()
    begun = process_time()
    keys = [36 + (7 * number) % 48 for number in range(MOST_VOICES)]
    for number, key in enumerate(keys):
        bank.find(PROGRAMS[number % len(PROGRAMS)], key)
    made = process_time() - begun
    shares = []
    for _ in range(ROUNDS):
        synthesizer = Synthesizer(RATE, bank)
        chosen = [(0, 0xC0 | channel, program, 0) for channel, program in enumerate(PROGRAMS)]
        struck = [(number, 0x90 | number % len(PROGRAMS), key, 100) for number, key in enumerate(keys)]
        synthesizer.render([*chosen, *struck])
        blocks = int(SECONDS_A_ROUND * RATE / BLOCK)
        begun = process_time()
        for _ in range(blocks):
            synthesizer.render()
        shares.append((process_time() - begun) * RATE / (blocks * BLOCK))
    median = float(np.median(shares))
    return {
        "machine": describe_machine(),
        "voices": MOST_VOICES,
        "rate": RATE,
        "block_frames": BLOCK,
        "core_share": {"p50": round(median, 4), "max": round(max(shares), 4)},
        "block_us": round(1e6 * median * BLOCK / RATE),
        "tones_seconds": round(made, 3),
        "tones_mb": round(bank.used_bytes / 1e6, 1),
    }


def sound_text(found: dict[str, Any]) -> str:
    """Two lines for a terminal."""
    share = found["core_share"]
    return (
        f"{found['voices']} voices: {share['p50']:.1%} of one core (at most {share['max']:.1%}), {found['block_us']} µs "
        f"for each {found['block_frames']} frames at {found['rate']} Hz\n"
        f"their tones: made in {found['tones_seconds']:.2f} s, {found['tones_mb']:.0f} MB ({found['machine']})"
    )
