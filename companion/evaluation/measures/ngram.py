"""An n-gram model of token ids: the baseline that any trained checkpoint must beat.

Witten–Bell interpolation down to a uniform distribution (Witten & Bell 1991): P(w|h) = (c(hw) + t(h)·P(w|h')) / (c(h) + t(h)),
with t(h) the number of different tokens seen after h.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from math import log2


class NGram:
    """order 1 is the unigram model; order 5 uses the four previous tokens."""

    def __init__(self, vocab_size: int, order: int) -> None:
        self.order = order
        self._uniform = 1 / vocab_size
        # context → token → count; contexts of every length up to order - 1
        self._counts: dict[tuple[int, ...], dict[int, int]] = defaultdict(lambda: defaultdict(int))
        self._totals: dict[tuple[int, ...], int] = defaultdict(int)

    def fit(self, sequences: Iterable[Sequence[int]]) -> None:
        """Count sequences of ids; may be called again."""
        for ids in sequences:
            for end, token in enumerate(ids):
                for length in range(min(self.order - 1, end) + 1):
                    context = tuple(ids[end - length : end])
                    self._counts[context][token] += 1
                    self._totals[context] += 1

    def probability(self, context: Sequence[int], token: int) -> float:
        """P(token | the last order − 1 tokens of context)."""
        chance = self._uniform
        for length in range(min(self.order - 1, len(context)) + 1):
            history = tuple(context[len(context) - length :])
            followers = self._counts.get(history)
            if followers is None:
                break
            kinds = len(followers)
            chance = (followers.get(token, 0) + kinds * chance) / (self._totals[history] + kinds)
        return chance

    def bits(self, ids: Sequence[int]) -> list[float]:
        """−log2 P of every token but the first."""
        return [
            -log2(self.probability(ids[max(0, end - self.order + 1) : end], ids[end])) for end in range(1, len(ids))
        ]
