"""Conversions between beats (quarter notes), ticks, seconds and BPM."""

from __future__ import annotations

import re

RESOLUTION = 480  # ticks a quarter note of all music that the session, its files and its windows hold
DRUM_CHANNEL = 9  # General MIDI: channel 10, counted from 0
MICROSECONDS_PER_MINUTE = 60_000_000
CLOCK_TICKS_PER_BEAT = 24  # MIDI 1.0: 24 timing-clock messages a quarter note
SONG_POSITION_PER_BEAT = 4  # MIDI 1.0: song position counts sixteenths

PITCH_CLASSES = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")


def pitch_name(pitch: int) -> str:
    """60 → "C4"."""
    return f"{PITCH_CLASSES[pitch % 12]}{pitch // 12 - 1}"


def read_pitch(text: str) -> int:
    """ "60", "C4", "F#2" or "Bb-1" → a MIDI key. Raises ValueError."""
    if text.isdecimal():
        pitch = int(text)
    else:
        match = re.fullmatch(r"([A-Ga-g])([#b]?)(-?\d)", text)
        if match is None:
            raise ValueError(f"{text!r} is no key (a number such as 60, or a name such as C4)")
        letter, accidental, octave = match.groups()
        pitch = (int(octave) + 1) * 12 + PITCH_CLASSES.index(letter.upper()) + {"": 0, "#": 1, "b": -1}[accidental]
    if not 0 <= pitch <= 127:
        raise ValueError(f"{text!r} is outside MIDI's keys (C-1 to G9)")
    return pitch


def bpm_to_tempo(bpm: float) -> int:
    """Quarter notes a minute → microseconds a quarter note."""
    return round(MICROSECONDS_PER_MINUTE / bpm)


def tempo_to_bpm(tempo: float) -> float:
    """Microseconds a quarter note → quarter notes a minute."""
    return MICROSECONDS_PER_MINUTE / tempo
