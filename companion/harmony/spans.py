"""A chord within a bar: where it sounds, and how it is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from companion.harmony.symbols import ChordSymbol

ChordSource = Literal["known", "heard", "expected"]
# known: written in a chart or song, or held by the player. heard: recognised from notes that were played.
# expected: guessed for music that has not been played yet.


@dataclass(frozen=True, slots=True)
class ChordSpan:
    """One chord that begins at `beat` (counted from the bar line) and lasts for `beats`, both in quarter notes.

    The spans of a bar are in order and do not overlap. chord: None where nothing sounds (N.C.).
    confidence: from 0 to 1. A known chord has 1.
    """

    beat: float
    beats: float
    chord: ChordSymbol | None
    source: ChordSource = "known"
    confidence: float = 1.0
