"""Conversions between beats (quarter notes), ticks, seconds and BPM."""

from __future__ import annotations

RESOLUTION = 480  # ticks a quarter note of all music that the session, its files and its windows hold
DRUM_CHANNEL = 9  # General MIDI: channel 10, counted from 0
MICROSECONDS_PER_MINUTE = 60_000_000
CLOCK_TICKS_PER_BEAT = 24  # MIDI 1.0: 24 timing-clock messages a quarter note
SONG_POSITION_PER_BEAT = 4  # MIDI 1.0: song position counts sixteenths

PITCH_CLASSES = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")


def pitch_name(pitch: int) -> str:
    """60 → "C4"."""
    return f"{PITCH_CLASSES[pitch % 12]}{pitch // 12 - 1}"


def bpm_to_tempo(bpm: float) -> int:
    """Quarter notes a minute → microseconds a quarter note."""
    return round(MICROSECONDS_PER_MINUTE / bpm)


def tempo_to_bpm(tempo: float) -> float:
    """Microseconds a quarter note → quarter notes a minute."""
    return MICROSECONDS_PER_MINUTE / tempo
