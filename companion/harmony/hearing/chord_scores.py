"""How well each of 192 chords (12 roots, 16 qualities) explains what sounds, and how usual each is in the key. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import repeat
from operator import add, mul, sub, truediv

from companion.harmony.hearing import tables
from companion.harmony.hearing.evidence import Evidence
from companion.harmony.key import Key

QUALITY_COUNT = len(tables.QUALITIES)
_KEYS = [(tonic, minor) for tonic in range(12) for minor in (False, True)]

SEVERAL_VOICES = 1.7  # at least so many notes at once are chords, fewer are a line
_LOW_LINE = 52  # mean pitch below which a single line is a bass
_LEAST_TOTAL = 0.25  # a smaller amount of sound is not scaled up further
_KEY_MEMORY = 0.97  # a half bar for pitch classes
_CHORD_MEMORY = 0.95  # a half bar for what the chords say about the key
_KEY_FROM_NOTES = 0.5
_KEY_FOR_CHORDS = 0.7  # how far the key decides where several voices show the chord themselves
_LIKELY_KEY, _LIKELY_CHORD = 0.03, 0.01

Scores = list[float]  # by root and quality: index root * QUALITY_COUNT + quality


@dataclass(frozen=True, slots=True)
class _Tables:
    """One set of tables, laid out by pitch class. rows: [24][192]. place: [24 keys][192], how usual each chord is in each key."""

    rows: tuple[tuple[float, ...], ...]
    constant: tuple[float, ...]
    place: tuple[tuple[float, ...], ...]


@cache
def _laid_out(kind: str) -> _Tables:
    sound = getattr(tables, f"SOUND_OF_{kind}")
    place = getattr(tables, f"PLACE_OF_{kind}")
    rows = [
        tuple(value for root in range(12) for value in sound[part * 12 + (pitch_class - root) % 12])
        for part in (0, 1)
        for pitch_class in range(12)
    ]
    return _Tables(tuple(rows), sound[24] * 12, _by_key(place))


def _by_key(table: tables.Table) -> tuple[tuple[float, ...], ...]:
    """Return [24 keys][192] powers of a table by mode and degree."""
    return tuple(
        tuple(math.exp(value) for root in range(12) for value in table[12 * minor + (root - tonic) % 12])
        for tonic, minor in _KEYS
    )


@cache
def _usual() -> tuple[tuple[float, ...], ...]:
    return _by_key(tables.USUAL)


def _kind(evidence: Evidence) -> str:
    if evidence.voices > SEVERAL_VOICES:
        return "CHORDS"
    return "LOW_LINE" if evidence.lowest < _LOW_LINE else "LINE"


def sound_scores(evidence: Evidence) -> Scores:
    """Return [192]: how well each chord explains the evidence, as logarithms up to a constant."""
    table = _laid_out(_kind(evidence))
    scale = 1 / max(evidence.total, _LEAST_TOTAL)
    scores = list(table.constant)
    for pitch_class in range(12):
        if weight := math.sqrt(evidence.weights[pitch_class] * scale):
            scores = _weighted(scores, weight, table.rows[pitch_class])
        if weight := math.sqrt(min(1.0, evidence.bass[pitch_class])):
            scores = _weighted(scores, weight, table.rows[12 + pitch_class])
    return scores


class KeyTracker:
    """Estimates the key from the last bars, as a share for each of 24 keys."""

    def __init__(self) -> None:
        self._weights = [0.0] * 12
        self._from_chords = [0.0] * 24
        self.shares: list[float] = [1 / 24] * 24

    @property
    def key(self) -> Key | None:
        """The likeliest key, None before anything was heard."""
        best = max(range(24), key=lambda index: self.shares[index])
        return Key(*_KEYS[best], self.shares[best]) if any(self._weights) else None

    @property
    def spelling(self) -> Key | None:
        """The likeliest key without its confidence. Chords are spelled in this key."""
        return None if self.key is None else Key(self.key.tonic, self.key.minor)

    def hear(self, evidence: Evidence, scores: Scores) -> None:
        """Take a half bar into account."""
        self._weights = [_KEY_MEMORY * old + new for old, new in zip(self._weights, evidence.weights, strict=True)]
        shares = softmax(scores)
        chords = [chord for chord, share in enumerate(shares) if share > _LIKELY_CHORD]
        likely = [shares[chord] for chord in chords]
        for index, usual in enumerate(_usual()):
            fit = sum(map(mul, likely, map(usual.__getitem__, chords)))
            self._from_chords[index] = _CHORD_MEMORY * self._from_chords[index] + math.log(QUALITY_COUNT * fit + 1e-3)
        self.shares = softmax(
            [_KEY_FROM_NOTES * a + b for a, b in zip(self._note_scores(), self._from_chords, strict=True)]
        )

    def prior(self, evidence: Evidence) -> Scores:
        """Return [192]: how usual each chord is in the keys that are likely now, as logarithms."""
        place = _laid_out(_kind(evidence)).place
        likely = [(index, share) for index, share in enumerate(self.shares) if share > _LIKELY_KEY]
        sums = [0.0] * len(place[0])
        for index, share in likely:
            sums = _weighted(sums, share, place[index])
        weight = _KEY_FOR_CHORDS if evidence.voices > SEVERAL_VOICES else 1.0
        return list(map(mul, repeat(weight), map(math.log, map(add, sums, repeat(1e-6)))))

    def _note_scores(self) -> list[float]:
        roots = [math.sqrt(weight / max(sum(self._weights), 0.3)) for weight in self._weights]
        return [
            sum(roots[(tonic + degree) % 12] * tables.KEY[degree][minor] for degree in range(12))
            + tables.KEY[12][minor]
            for tonic, minor in _KEYS
        ]


def _weighted(scores: Scores, weight: float, row: Sequence[float]) -> Scores:
    """`scores` with so much of a row added. These rows are long, and a map over them is several times as fast as a comprehension."""
    return list(map(add, scores, map(mul, repeat(weight), row)))


def softmax(scores: Sequence[float]) -> list[float]:
    """Convert logarithmic scores into shares that add up to 1."""
    highest = max(scores)
    powers = list(map(math.exp, map(sub, scores, repeat(highest))))
    return list(map(truediv, powers, repeat(sum(powers))))
