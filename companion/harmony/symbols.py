"""Chord symbols as musicians type them → root, bass and intervals. Knows spellings, nothing of bars, voicings or sound.

Read by composition (root, quality, extension, then any alterations), not from a table of known names: of 116 spellings
collected from lead sheets the table-driven parsers on PyPI refuse 50 (pychord 1.4.1) and 28 (chordparser 0.4.2), and
the first reads `Bb6/9` as a slash chord. pychord is used in the tests, as an independent opinion on what both read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from companion.harmony.spelling import BASS, ROOT, STEPS, pitch_class, plain_signs

_DEGREES = {"2": 14, "4": 17, "5": 7, "6": 9, "7": 10, "9": 14, "11": 17, "13": 21}
_NO_CHORD = frozenset({"N.C.", "NC", "N.C", "n.c.", "nc"})

# Tried in this order at every point of the rest of a symbol. "+" and "-" before a degree alter it, elsewhere they are
# augmented and minor; "-" straight after the root is always minor ("A-7", "A-11").
_TOKEN = re.compile(
    r"(?P<add>add)(?P<added>[b#]?(?:2|4|6|9|11|13))"
    r"|(?P<omit>omit|no)(?P<omitted>3|5|9)"
    r"|(?P<sus>sus)(?P<suspended>2|4)?"
    r"|(?P<alt>alt)"
    r"|(?P<half>halfdim|half-dim|ø|h(?=7|$))"
    r"|(?P<dim>dim|o)"
    r"|(?P<alter>[b#+\-])(?P<altered>5|9|11|13)"
    r"|(?P<aug>aug|\+)"
    r"|(?P<major>[Mm]ajor|[Mm]aj|[Mm]a(?!dd)|M|\^|j)"
    r"|(?P<minor>[Mm]inor|[Mm]in|[Mm]i|m|-)"
    r"|(?P<dominant>dom)"
    r"|(?P<sixnine>6/?9)"
    r"|(?P<extension>13|11|9|7|6|5|4|2)"
)


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
    """Whether this is one of the spellings of "no chord"."""
    return text in _NO_CHORD


def parse_chord(text: str) -> ChordSymbol:
    """Read one symbol such as Cmaj7, A-7, F#ø, G7alt, Bb6/9 or Dm7/G; ValueError says what is not understood."""
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
    return ChordSymbol(text, root, bass, _intervals(text, rest))


def _root_advice(text: str) -> str:
    if text[:1].upper() in STEPS and text[:1].islower():
        return f"chord roots are capitals ({text[0].upper()}{text[1:]})"
    if text[:1] in ("H", "h"):
        return "H is written B, and B flat Bb"
    return "a chord begins with a root A-G, then # or b"


@dataclass(slots=True)
class _Reading:
    """What the tokens read so far add up to; third, fifth and seventh in semitones, None where left out."""

    third: int | None = 4
    fifth: int | None = 7
    seventh: int | None = None
    tensions: set[int] | None = None
    major_seventh: bool = False
    diminished: bool = False
    extended: bool = False  # an extension number has been read

    def add(self, interval: int) -> None:
        self.tensions = (self.tensions or set()) | {interval}

    def drop(self, *intervals: int) -> None:
        self.tensions = (self.tensions or set()) - set(intervals)


def _intervals(text: str, rest: str) -> tuple[int, ...]:
    reading = _Reading()
    bare = re.sub(r"[(),\s]", "", rest)
    at = 0
    while at < len(bare):
        match = _TOKEN.match(bare, at)
        if match and match["alter"] == "-" and at == 0:  # "A-11": minor, not a flat eleventh
            reading.third = 3
            at = 1
            continue
        if not match or not _apply(reading, match, bare):
            raise ValueError(f"{bare[at:]!r} is not understood")
        at = match.end()
    tones = {0, reading.third, reading.fifth, reading.seventh} | (reading.tensions or set())
    return tuple(sorted(tone for tone in tones if tone is not None))


def _apply(reading: _Reading, match: re.Match[str], whole: str) -> bool:
    """Take one token into account; False where it contradicts what was read before."""
    kind = match.lastgroup or ""
    if kind in ("extension", "sixnine"):
        return _extend(reading, match.group(), whole)
    if kind == "altered":
        _alter(reading, match["alter"], match["altered"])
    elif kind == "added":
        sign, degree = match["added"].rstrip("0123456789"), match["added"].lstrip("b#")
        reading.add(_DEGREES[degree] + {"": 0, "b": -1, "#": 1}[sign])
    elif kind == "omitted":
        if match["omitted"] == "9":
            reading.drop(14)
        else:
            setattr(reading, "third" if match["omitted"] == "3" else "fifth", None)
    elif kind in ("sus", "suspended"):
        reading.third = 2 if match["suspended"] == "2" else 5
    else:
        _qualify(reading, kind, match)
    return True


def _qualify(reading: _Reading, kind: str, match: re.Match[str]) -> None:
    if kind == "minor":
        reading.third = 3
    elif kind == "major":
        reading.major_seventh = True
        if match.group() == "^":  # the triangle alone means the major seventh
            reading.seventh = 11
    elif kind == "aug":
        reading.fifth = 8
    elif kind == "dim":
        reading.third, reading.fifth, reading.diminished = 3, 6, True
    elif kind == "half":
        reading.third, reading.fifth, reading.seventh = 3, 6, 10
    elif kind == "alt":
        reading.fifth, reading.seventh = None, 10
        for tension in (13, 15, 18, 20):
            reading.add(tension)


def _extend(reading: _Reading, number: str, whole: str) -> bool:
    """6, 7, 9, 11, 13 and the bare 2, 4, 5 of C2, C4 and C5; one number a chord."""
    if reading.extended:
        return False
    reading.extended = True
    if number == "5":
        reading.third = None
        return whole == "5"
    if number in ("2", "4"):
        reading.add(_DEGREES[number])
        return True
    if number[0] == "6":
        reading.add(9)
        if len(number) > 1:
            reading.add(14)
        return True
    reading.seventh = 11 if reading.major_seventh else 9 if reading.diminished else 10
    if number in ("9", "11", "13"):
        reading.add(14)
    if number == "11" or (number == "13" and reading.third != 4):
        reading.add(17)  # players leave the eleventh out of a thirteenth over a major third
    if number == "13":
        reading.add(21)
    return True


def _alter(reading: _Reading, sign: str, degree: str) -> None:
    shift = 1 if sign in "#+" else -1
    if degree == "5":
        reading.fifth = 7 + shift
        return
    natural = _DEGREES[degree]
    if (degree == "9" and not {13, 15} & (reading.tensions or set())) or degree != "9":
        reading.drop(natural)
    reading.add(natural + shift)
