"""The fallback for a bar that was not generated in time: a variation of the last generated one, recognisable but not a stuck loop.

Deterministic in (bar number, notes). Knows nothing but notes.
"""

from __future__ import annotations

from dataclasses import replace

from companion.music import Note

_MIX = 0x9E3779B97F4A7C15


def vary(notes: tuple[Note, ...], length_ticks: int, bar: int, is_drum: bool) -> tuple[Note, ...]:
    """The notes that fit a bar of `length_ticks`, with slightly different stresses and without some weak notes.

    Notes on the first beat always stay, so harmony and pulse are kept. Velocities change by up to ±6.
    """
    kept: list[Note] = []
    for number, note in enumerate(notes):
        if note.onset_ticks >= length_ticks:
            continue
        chance = _hash(bar, number, note.pitch)
        on_beat = note.onset_ticks % 480 < 20
        if not on_beat and chance % 16 < (2 if is_drum else 1):
            continue
        velocity = note.velocity + chance // 16 % 13 - 6
        duration = min(note.duration_ticks, 2 * length_ticks - note.onset_ticks)
        kept.append(replace(note, velocity=max(1, min(127, velocity)), duration_ticks=max(1, duration)))
    return tuple(kept)


def _hash(*parts: int) -> int:
    value = 0
    for part in parts:
        value = ((value ^ part) * _MIX + 0xD1B54A32D192ED03) & 0xFFFFFFFFFFFFFFFF
        value ^= value >> 29
    return value


def request_seed(session_seed: int, request_id: int) -> int:
    """The seed of one request: 0 ≤ seed < 2³¹, the same for the same session seed and id."""
    return _hash(session_seed, request_id) & 0x7FFFFFFF
