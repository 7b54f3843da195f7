"""Reads chord symbols as musicians type them: root, bass and intervals. It knows nothing of bars, voicings or sound.

Symbols are read part by part, not from a table of known names. `harmony.symbol_parts` splits the symbol, and all parts together
decide what the chord is, so their order does not matter (C7M is Cmaj7). The parsers on PyPI use tables. Of 116 spellings collected
from lead sheets, pychord 1.4.1 refuses 50 and chordparser 0.4.2 refuses 28. pychord also reads `Bb6/9` as a slash chord.
The tests use pychord as an independent check of the symbols that both can read.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from companion.harmony.spelling import BASS, ROOT, STEPS, pitch_class, plain_signs
from companion.harmony.symbol_parts import Part, split_parts

_DEGREES = {"2": 14, "3": 4, "4": 17, "6": 9, "9": 14, "11": 17, "13": 21}
_SHIFTS = {"": 0, "b": -1, "-": -1, "#": 1, "+": 1}
_ALT_TENSIONS = frozenset({13, 15, 18, 20})
_NO_CHORD = frozenset({"n", "nc", "nochord"})


@dataclass(frozen=True, slots=True)
class ChordSymbol:
    """A chord: `root` and `bass` as pitch classes (C = 0), `intervals` in semitones above the root, ascending from 0.

    Ninths and above are written above the octave (9 = 14, #11 = 18, 13 = 21).
    """

    text: str
    root: int
    bass: int
    intervals: tuple[int, ...]

    @property
    def pitch_classes(self) -> frozenset[int]:
        """All pitch classes of the chord, a slash bass included."""
        return frozenset({self.bass, *((self.root + interval) % 12 for interval in self.intervals)})


def is_no_chord(text: str) -> bool:
    """Whether this is one of the spellings of "no chord": N.C., NC, N, No Chord."""
    return re.sub(r"[\s.]", "", text).lower() in _NO_CHORD


def parse_chord(text: str) -> ChordSymbol:
    """Read one symbol such as Cmaj7, A-7, F#ø, G7alt, C7(b9, 13), Bb6/9 or Dm7/G.

    Raises ValueError for a part that is not understood, contradicts another part, or changes nothing.
    """
    plain = plain_signs(text)
    match = ROOT.match(plain)
    if not match:
        raise ValueError(_root_advice(text))
    root = pitch_class(match.group())
    rest = plain[match.end() :]
    bass = root
    if slash := BASS.search(rest):
        bass = pitch_class(slash.group(1))
        rest = rest[: slash.start()]
    parts = split_parts(rest)
    tones = _resolve(parts)
    _refuse_idle_parts(parts, tones)
    return ChordSymbol(text, root, bass, tuple(sorted(tones)))


def _root_advice(text: str) -> str:
    if text[:1].upper() in STEPS and text[:1].islower():
        return f"chord roots are capitals ({text[0].upper()}{text[1:]})"
    if text[:1] in ("H", "h"):
        return "H is written B, and B flat Bb"
    return "a chord begins with a root A-G, then # or b"


def _resolve(parts: Sequence[Part]) -> set[int]:
    """Return the intervals that all parts together stand for. Raises ValueError if two parts contradict each other."""
    kinds = {part.kind for part in parts}
    _refuse_contradictions([part.kind for part in parts])
    numbers = [part for part in parts if part.kind == "number"]
    main = next((part.value for part in numbers if not part.apart), "")
    fifth = _fifth(parts, kinds)
    seventh = _seventh(parts, kinds)
    thirds = _thirds(parts, kinds, main)
    tones = {0} | thirds | fifth | ({seventh} if seventh is not None else set())
    if main == "13":
        tones |= {14, 21} if thirds & {4, 5} else {14, 17, 21}  # players leave out the eleventh beside a major third
    elif main == "11":
        tones |= {14} if 5 in thirds else {14, 17}
    elif main == "9":
        tones.add(14)
    for part in numbers:
        if part.value in ("69", "6"):
            tones |= {9, 14} if part.value == "69" else {9}
        elif part.value in _DEGREES and (part.value != main or main in ("2", "4")):
            tones.add(_DEGREES[part.value])
    if "alt" in kinds:
        tones |= _ALT_TENSIONS
    _alter(tones, parts)
    _add_and_omit(tones, parts)
    return tones


def _refuse_contradictions(order: Sequence[str]) -> None:
    kinds = set(order)
    thirds = kinds & {"minor", "dim", "half"}
    if len(thirds) > 1 or ("alt" in kinds and kinds & {"minor", "dim", "half", "aug", "major"}):
        raise ValueError(f"{' and '.join(sorted(kinds - {'number'}))} contradict each other")
    if "aug" in kinds and kinds & {"dim", "half"}:
        raise ValueError("augmented and diminished contradict each other")
    if "dominant" in kinds and kinds & {"major", "minor", "dim", "half"}:
        raise ValueError("dominant is neither major, minor nor diminished")
    if "dominant" in kinds and "number" not in kinds:
        raise ValueError("dominant needs a 7, 9, 11 or 13")
    if any(pair == ("major", "minor") for pair in pairwise(order)):
        raise ValueError("major before minor is not understood (a minor chord with a major seventh is CmMaj7)")


def _thirds(parts: Sequence[Part], kinds: set[str], main: str) -> set[int]:
    suspended = {int(digit) for part in parts if part.kind == "sus" for digit in part.value}
    if suspended:
        return {{2: 2, 4: 5}[degree] for degree in suspended}
    if main == "5":
        return set()
    return {3} if kinds & {"minor", "dim", "half"} else {4}


def _fifth(parts: Sequence[Part], kinds: set[str]) -> set[int]:
    altered = {7 + _SHIFTS[part.sign] for part in parts if part.kind == "alter" and part.value == "5"}
    if "aug" in kinds:
        return {8} | altered
    if altered:
        return altered | ({6} if kinds & {"dim", "half"} else set())
    if "alt" in kinds:
        return set()
    return {6} if kinds & {"dim", "half"} else {7}


def _seventh(parts: Sequence[Part], kinds: set[str]) -> int | None:
    """Return the seventh in semitones. It is major if a sign for major stands before or after the number."""
    numbered = any(
        part.kind == "number" and (part.value == "7" or (part.value in ("9", "11", "13") and not part.apart))
        for part in parts
    )
    if "major" in kinds:
        return 11 if numbered or any(part.text == "^" for part in parts) else None
    if kinds & {"half", "alt"}:
        return 10
    if not numbered:
        return None
    return 9 if "dim" in kinds else 10


def _alter(tones: set[int], parts: Sequence[Part]) -> None:
    for part in parts:
        if part.kind == "alter" and part.value in ("9", "11", "13"):
            tones.discard(_DEGREES[part.value])
    for part in parts:
        if part.kind == "alter" and part.value != "5":
            tones.add(_DEGREES[part.value] + _SHIFTS[part.sign])


def _add_and_omit(tones: set[int], parts: Sequence[Part]) -> None:
    for part in parts:
        if part.kind == "add":
            tones.add(_DEGREES[part.value] + _SHIFTS[part.sign])
        elif part.kind == "omit":
            tones -= {"3": {3, 4}, "5": {6, 7, 8}, "9": {13, 14, 15}}[part.value]


def _refuse_idle_parts(parts: Sequence[Part], tones: set[int]) -> None:
    """Refuse parts that do not change the chord, because something else was meant. Customary doublings are kept."""
    sound = {tone % 12 for tone in tones}
    qualities = {part.kind for part in parts} - {"number", "add", "omit", "alter"}
    implied_seventh = qualities & {"half", "alt"} or any(part.text == "^" for part in parts)
    for index, part in enumerate(parts):
        alone = qualities == {part.kind} and sum(other.kind == part.kind for other in parts) == 1
        if part.kind in ("major", "dominant") and alone:  # C major, CM6, Cdom7
            continue
        if part.kind == "number" and part.value == "7" and implied_seventh:  # Cø7, C7alt, C^7
            continue
        try:
            same = {tone % 12 for tone in _resolve([*parts[:index], *parts[index + 1 :]])} == sound
        except ValueError:
            continue
        if same:
            raise ValueError(f"{part.text!r} changes nothing here")
