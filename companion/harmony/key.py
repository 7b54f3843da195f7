"""The key that music is in, and how notes and chords are spelled in it. Pure."""

from __future__ import annotations

from dataclasses import dataclass

_STEPS = "CDEFGAB"
_NATURAL = (0, 2, 4, 5, 7, 9, 11)
_MAJOR_TONICS = ("C", "Db", "D", "Eb", "E", "F", "Gb", "G", "Ab", "A", "Bb", "B")
_MINOR_TONICS = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "G#", "A", "Bb", "B")
_SHARP_NAMES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
_FLAT_NAMES = ("C", "Db", "D", "Eb", "E", "F", "Gb", "G", "Ab", "A", "Bb", "B")
# Steps above the tonic on which a root at each distance in semitones is written: bII, bIII, #IV, bVI, bVII.
_USUAL_STEPS = (0, 1, 1, 2, 2, 3, 3, 4, 5, 5, 6, 6)
# The same for diminished chords, which lead upwards: #I, #II, #IV, #V.
_LEADING_STEPS = (0, 0, 1, 1, 2, 3, 3, 4, 4, 5, 6, 6)


@dataclass(frozen=True, slots=True)
class Key:
    """A key. tonic: pitch class 0-11. confidence: from 0 to 1."""

    tonic: int
    minor: bool = False
    confidence: float = 1.0

    @property
    def name(self) -> str:
        """The name that charts use: Eb, F#m."""
        return f"{_MINOR_TONICS[self.tonic]}m" if self.minor else _MAJOR_TONICS[self.tonic]


def spell_root(pitch_class: int, key: Key | None = None, leading: bool = False) -> str:
    """Return the name of a chord's root (0-11) in a key, or with the usual flats if there is none. leading: for diminished chords."""
    if key is None:
        return (_SHARP_NAMES if leading else _FLAT_NAMES)[pitch_class]
    distance = (pitch_class - key.tonic) % 12
    tonic = key.name.removesuffix("m")
    step = (_STEPS.index(tonic[0]) + (_LEADING_STEPS if leading else _USUAL_STEPS)[distance]) % 7
    shift = (pitch_class - _NATURAL[step] + 6) % 12 - 6
    if abs(shift) > 1:  # nobody reads a double sharp or flat in a chord symbol
        return (_FLAT_NAMES if "b" in tonic or tonic == "F" else _SHARP_NAMES)[pitch_class]
    return _STEPS[step] + {-1: "b", 0: "", 1: "#"}[shift]


def spell_chord(root: int, quality: str, key: Key | None = None, bass: int | None = None) -> str:
    """Return the symbol of a chord on `root` (0-11) with `quality` ("m7", "dim7", …) in a key, with a slash if the bass differs."""
    leading = quality.startswith(("dim", "m7b5"))
    name = spell_root(root, key, leading) + quality
    return name if bass is None or bass == root else f"{name}/{spell_root(bass, key)}"
