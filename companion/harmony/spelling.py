"""Reads and transposes written names of notes and chords: roots and accidentals. Qualities stay as they are."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

STEPS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
ROOT = re.compile(r"([A-G])(##|bb|#|b)?")
BASS = re.compile(r"/([A-G](?:##|bb|#|b)?)$")

_SHARP_NAMES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
_FLAT_NAMES = ("C", "Db", "D", "Eb", "E", "F", "Gb", "G", "Ab", "A", "Bb", "B")
_FLAT_MAJOR_KEYS = frozenset({5, 10, 3, 8, 1, 6})
_MINOR = re.compile(r"^(?:-|m(?!aj)|mi)")
_SAME_SIGNS = str.maketrans(
    {
        "♯": "#", "♭": "b", "𝄪": "##", "𝄫": "bb", "−": "-", "–": "-", "‐": "-", "‑": "-",
        "Δ": "^", "△": "^", "∆": "^", "▵": "^", "°": "o", "º": "o", "˚": "o", "Ø": "ø", "∅": "ø", "⌀": "ø",
    }
)  # fmt: skip


def plain_signs(text: str) -> str:
    """Return the symbol in characters found on a keyboard. Wide and raised letters become plain ones."""
    return unicodedata.normalize("NFKC", text.translate(_SAME_SIGNS))


def pitch_class(name: str) -> int:
    """Return the pitch class 0-11 of a note name such as F# or Bb."""
    return (STEPS[name[0]] + name.count("#") - name[1:].count("b")) % 12


def transpose_symbol(text: str, semitones: int, flats: bool = True) -> str:
    """Transpose a chord symbol without changing the spelling of its quality. Text that is not a chord is returned unchanged."""
    plain = plain_signs(text)
    match = ROOT.match(plain)
    if not match or semitones % 12 == 0:
        return text
    names = _FLAT_NAMES if flats else _SHARP_NAMES
    rest = text[match.end() :] if len(text) == len(plain) else plain[match.end() :]
    if slash := BASS.search(plain[match.end() :]):
        rest = f"{rest[: slash.start()]}/{names[(pitch_class(slash.group(1)) + semitones) % 12]}"
    return names[(pitch_class(match.group()) + semitones) % 12] + rest


def transpose_symbols(symbols: Sequence[str], semitones: int) -> list[str]:
    """Transpose a piece's chords. The key of the first chord decides between flats and sharps."""
    first = next((symbol for symbol in map(plain_signs, symbols) if ROOT.match(symbol)), "C")
    root = ROOT.match(first)
    assert root is not None
    tonic = pitch_class(root.group()) + semitones + (3 if _MINOR.match(first[root.end() :]) else 0)
    return [transpose_symbol(symbol, semitones, tonic % 12 in _FLAT_MAJOR_KEYS) for symbol in symbols]
