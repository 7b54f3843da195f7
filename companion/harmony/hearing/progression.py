"""How chords follow each other, and what that says about the chord of a line. Pure.

A line seldom shows its chord. What it leaves open is decided by the chords before it, as in a hidden Markov model: a belief about
the chord is carried from half bar to half bar, and the first half of a bar also hears the second one, because a bar is named when it is
over. Chords are told apart here by root and kind only.

The tables are logarithms in tenths, against how usual a chord is in its key, which `chord_scores` has counted already. They were learned
with the filter itself, as the likelihood of the true roots, on the melodies of `mma-ewld-pd`'s training split. Rows: the kind of
the chord before, and within it the kind of the chord that follows, both in the order of KINDS; columns: semitones from root to root.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from itertools import repeat
from operator import mul, sub

from companion.harmony.hearing.chord_scores import QUALITY_COUNT, Scores
from companion.harmony.hearing.tables import QUALITIES, Table

KINDS = ("major", "dominant", "minor", "diminished")
_KIND_OF = {
    **dict.fromkeys(("", "6", "maj7", "sus2", "5"), 0),
    **dict.fromkeys(("7", "+", "sus4", "7sus4"), 1),
    **dict.fromkeys(("m", "m6", "m7", "mMaj7"), 2),
    **dict.fromkeys(("dim", "dim7", "m7b5"), 3),
}
_KINDS = len(KINDS)
_STATES = 12 * _KINDS  # root * _KINDS + kind
_STATE_OF = tuple(
    root * _KINDS + _KIND_OF[QUALITIES[quality]] for root in range(12) for quality in range(QUALITY_COUNT)
)
_SILENT = [0.0] * len(_STATE_OF)
_QUALITIES_OF = [_STATE_OF.count(state) for state in range(_STATES)]
_TRUST = 0.83  # how far the evidence of one half bar counts, learned with the tables: neighbouring half bars are alike

Belief = list[float]  # [48] probabilities


def _table(text: str) -> Table:
    return tuple(tuple(int(number) / 10 for number in line.split()) for line in text.split("\n") if line)


OVER_THE_BAR_LINE = _table("""
4 -28 -8 -12 -6 11 -28 -1 -12 -6 -10 -28
4 -23 1 -23 -1 -4 -23 5 -23 -10 -23 -11
-10 -20 7 -20 -5 2 -20 -2 -20 -3 -5 -20
2 3 -6 -6 -7 -5 3 -6 -7 -5 -6 -8
-10 -5 -24 -18 -9 13 -9 -7 -15 -24 -1 -24
16 -19 -10 -7 -19 6 -5 -13 -19 -9 -8 -19
7 -16 -6 -16 -16 15 -16 -6 -16 -13 -5 -16
-2 -4 -4 -3 -6 1 5 -4 -4 -5 -4 -6
-6 -20 -3 -2 -20 2 -20 0 7 -20 2 -20
-3 -14 -7 -2 -14 11 -14 11 -15 -14 -6 -14
7 -11 -12 -3 -12 16 -11 10 -3 -12 -3 -11
-2 13 -5 -2 -3 -2 -4 -2 -3 -3 -3 -4
-10 -10 -10 6 -10 4 18 -1 -10 9 -10 -10
0 -5 -5 -5 -5 -5 -5 -5 -5 -5 -5 -5
-3 -3 8 -3 -3 5 -3 -3 -3 -4 -3 -3
-5 -2 -2 -2 -2 -2 -2 -2 -2 -2 -2 -2
""")
WITHIN_THE_BAR = _table("""
18 -27 -9 -27 -11 -1 -27 2 -27 -27 -16 -11
8 -23 -8 -23 -4 -23 -4 0 -23 -2 -12 -8
1 -18 -8 -18 -5 1 -18 -18 -18 -8 -18 -18
15 13 -10 2 -10 -10 -12 -10 -10 7 -3 -11
-11 -21 -21 -21 -21 -2 -21 -4 -21 -21 -8 -21
22 -17 -11 -17 -8 1 -17 -11 -17 -17 -17 -17
4 -12 -16 -12 -12 11 -12 -12 -12 -12 -12 -12
-4 -5 -5 -5 -6 -5 -5 -5 -5 -5 -5 -6
-18 -18 -8 -3 -18 -4 -18 -18 -5 -18 -9 -18
-14 -15 -5 -14 -14 8 -15 0 -14 -14 -5 -14
23 -10 -10 -10 -10 -6 -10 5 -10 -10 1 -10
4 -3 -4 -3 -4 -3 -3 -4 -3 -4 -3 -4
12 -5 -4 -4 -5 -4 -6 -4 -4 -4 -4 9
-3 -5 -2 -3 -3 -3 15 -3 -4 -3 -3 0
-3 -4 -4 -4 -4 -4 -4 -4 -4 -3 -4 -3
14 -3 -3 -3 -3 -3 -3 -3 -3 -3 -3 -3
""")


def _steps(table: Table) -> tuple[tuple[float, ...], ...]:
    """[state after][state before] powers of a table."""
    return tuple(
        tuple(
            math.exp(table[before % _KINDS * _KINDS + after % _KINDS][(after // _KINDS - before // _KINDS) % 12])
            for before in range(_STATES)
        )
        for after in range(_STATES)
    )


_NEXT_BAR, _NEXT_HALF = _steps(OVER_THE_BAR_LINE), _steps(WITHIN_THE_BAR)
_FROM_HALF = tuple(zip(*_NEXT_HALF, strict=True))  # [state before][state after]


@dataclass(frozen=True, slots=True)
class Weighed:
    """What a half bar probably has. root: 0-11. scores: [192] logarithms of the chords' probabilities."""

    root: int
    scores: Scores


class Progression:
    """The belief about the chord that sounded last. `hear` takes the half bars of one bar after another."""

    def __init__(self) -> None:
        self._belief: Belief | None = None

    def hear(self, halves: Sequence[Scores | None], remember: bool = True) -> Generator[None, None, list[Weighed]]:
        """Return each half bar in the light of what came before, in small steps, each of which ends with a `yield`.

        halves: the scores of each half bar by itself, None for silence. remember: False for a bar that is not over.
        """
        sums = [_by_state(scores) for scores in halves]
        shown = [[total**_TRUST for total in row] for row in sums]
        yield
        beliefs: list[Belief] = []
        belief = self._belief
        for number, powers in enumerate(shown):
            if belief is not None:
                steps = _NEXT_HALF if number else _NEXT_BAR
                powers = [power * sum(map(mul, row, belief)) for power, row in zip(powers, steps, strict=True)]
            belief = _normal(powers)
            beliefs.append(belief)
            yield
        if remember and belief is not None:
            self._belief = belief
        if len(beliefs) == 2:
            later = [sum(map(mul, row, shown[1])) for row in _FROM_HALF]
            beliefs[0] = _normal(list(map(mul, beliefs[0], later)))
            yield
        return [_weighed(belief, row, scores) for belief, row, scores in zip(beliefs, sums, halves, strict=True)]

    def is_told(self, scores: Scores) -> None:
        """Take the chord of a bar whose voices show it themselves."""
        self._belief = _normal(_by_state(scores))


def _by_state(scores: Scores | None) -> list[float]:
    """[48] summed powers of each root's and kind's chords, the likeliest chord's being 1; all alike for silence."""
    if scores is None:
        return [1.0] * _STATES
    highest = max(scores)
    sums = [1e-9] * _STATES
    for state, power in zip(_STATE_OF, map(math.exp, map(sub, scores, repeat(highest))), strict=True):
        sums[state] += power
    return sums


def _weighed(belief: Belief, sums: Sequence[float], scores: Scores | None) -> Weighed:
    """Divide the belief among the qualities of each kind by their own scores."""
    roots = [sum(belief[at : at + _KINDS]) for at in range(0, _STATES, _KINDS)]
    own = scores or _SILENT
    highest = max(own)
    totals = sums if scores else _QUALITIES_OF
    whole = [math.log((share + 1e-12) / total) - highest for share, total in zip(belief, totals, strict=True)]
    weighed = [score + whole[state] for state, score in zip(_STATE_OF, own, strict=True)]
    return Weighed(max(range(12), key=roots.__getitem__), weighed)


def _normal(powers: Sequence[float]) -> Belief:
    total = sum(powers) or 1.0
    return [power / total for power in powers]
