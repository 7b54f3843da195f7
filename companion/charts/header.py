"""Reads the header lines of a chart, such as `Key: F` or `Meter: 3/4; Tempo: 120`. A fault raises ValueError with the reason."""

from __future__ import annotations

import re
from fractions import Fraction

from companion.music import TimeSignature

FEELS = {
    "straight": "straight", "even": "straight", "rock": "straight", "bossa": "straight", "latin": "straight",
    "ballad": "straight", "waltz": "straight", "swing": "swing", "shuffle": "swing", "jazz": "swing",
}  # fmt: skip
HEADERS = ("title", "composer", "key", "meter", "tempo", "feel", "form", "pickup")
_SYNONYMS = {"time": "meter", "metre": "meter", "bpm": "tempo", "style": "feel", "anacrusis": "pickup"}

_HEADER = re.compile(r"^(?P<name>[A-Za-z]+)\s*[:=]\s*(?P<value>.*)$")
_NEXT_HEADER = re.compile(rf"[;,]\s*(?=(?:{'|'.join((*HEADERS, *_SYNONYMS))})\s*[:=])", re.IGNORECASE)
_KEY = re.compile(r"^[A-G][#b]?(m|min|minor|-| minor| major|maj)?$")
_PICKUP = re.compile(r"(\d+(?:\.\d+)?)(?:\s*/\s*(\d+))?(?:\s*(?:beats?|quarters?|eighths?))?", re.IGNORECASE)


def is_header(name: str) -> bool:
    """Whether a word before a colon is a header's name."""
    return _SYNONYMS.get(name.lower(), name.lower()) in HEADERS


def looks_like_header(line: str) -> bool:
    """Whether a line has the form of a header, known or not."""
    return _HEADER.match(line) is not None


def split_headers(line: str) -> list[tuple[str, str]]:
    """Return (name, value) of every header on a line. Raises ValueError for an unknown name."""
    headers: list[tuple[str, str]] = []
    for part in _NEXT_HEADER.split(line):
        match = _HEADER.match(part.strip())
        name = _SYNONYMS.get(match["name"].lower(), match["name"].lower()) if match else ""
        if not match or name not in HEADERS:
            raise ValueError(f"{part.strip()[:40]!r}: no such header (known: {', '.join(HEADERS)})")
        headers.append((name, match["value"].strip()))
    return headers


def read_key(value: str) -> str:
    """Read a key into the form that charts keep: F, Bb, Am."""
    plain = value.replace("♭", "b").replace("♯", "#")
    if not _KEY.match(plain):
        raise ValueError(f"key {value!r}: expected something like F, Bb or Am")
    return re.sub(r"(-| minor|minor|min)$", "m", plain).split()[0].removesuffix("maj")


def read_meter(value: str) -> TimeSignature:
    """Read a meter, or one of the words "common" and "cut"."""
    words = {"c": "4/4", "common": "4/4", "cut": "2/2", "¢": "2/2"}
    try:
        meter = TimeSignature.parse(words.get(value.lower(), value))
    except ValueError:
        meter = TimeSignature(0, 0)
    if not (1 <= meter.numerator <= 17 and meter.denominator in (1, 2, 4, 8, 16)):
        raise ValueError(f"meter {value!r}: expected something like 4/4, 3/4 or 6/8")
    return meter


def read_tempo(value: str) -> float:
    """Quarter notes a minute."""
    number = re.fullmatch(r"(?:♩|q|quarter)?\s*=?\s*(\d+(?:\.\d+)?)\s*(?:bpm)?", value, re.IGNORECASE)
    tempo = float(number.group(1)) if number else 0.0
    if not 20 <= tempo <= 400:
        raise ValueError(f"tempo {value!r}: expected quarter notes a minute, 20 to 400")
    return tempo


def read_feel(value: str) -> str:
    """ "straight" or "swing"."""
    if value.lower() not in FEELS:
        raise ValueError(f"feel {value!r}: expected one of {', '.join(FEELS)}")
    return FEELS[value.lower()]


def read_pickup(value: str, meter: TimeSignature) -> TimeSignature:
    """Read the length of the pickup bar, in beats of the meter ("1", "1.5") or as a fraction of a whole note ("3/8")."""
    match = _PICKUP.fullmatch(value)
    length = Fraction(0)
    if match and match[2]:
        length = Fraction(match[1]) / int(match[2]) if int(match[2]) else Fraction(0)
    elif match:
        length = Fraction(match[1]) / meter.denominator
    if not 0 < length < Fraction(meter.numerator, meter.denominator) or length.denominator not in (1, 2, 4, 8, 16):
        raise ValueError(f"pickup {value!r}: expected beats, less than a bar of {meter} has")
    denominator = max(length.denominator, meter.denominator)
    return TimeSignature(int(length * denominator), denominator)
