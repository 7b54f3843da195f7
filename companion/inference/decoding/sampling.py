"""From logits to one token: temperature, then top_k, top_p, mask_k and mask_p in that order, then a seeded draw.

Only the legal tokens are processed, so the cost depends on the size of the legal set and not of the vocabulary. This module
knows nothing of grammar or music except the set of note-content ids, which mask_k and mask_p may remove. They never remove
structure, because a bar could then not end. Source: representation.md G.1.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class SamplingOptions:
    """Filter settings; every default means off. See InferenceConfig for the ranges."""

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    mask_k: int = 0
    mask_p: float = 0.0

    @property
    def unfiltered(self) -> bool:
        """True when only the temperature acts."""
        return not (self.top_k or self.top_p < 1.0 or self.mask_k or self.mask_p)


def make_generator(seed: int, attempt: int = 0, step: int = 0, take: int = 0) -> np.random.Generator:
    """A separate random stream for every (seed, attempt, step, take), so a draw does not depend on engine, batch or order."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed & (2**63 - 1), attempt, step, take])))


def _shortest_prefix(cumulative: FloatArray, mass: float) -> int:
    """Length of the shortest prefix whose cumulative mass reaches `mass`."""
    return min(int(cumulative.searchsorted(mass - 1e-12)) + 1, len(cumulative))


def probabilities(logits: npt.NDArray[np.float32], temperature: float) -> FloatArray:
    """Softmax of logits / temperature in float64."""
    scaled = logits.astype(np.float64)
    scaled -= np.maximum.reduce(scaled)
    scaled /= temperature
    np.exp(scaled, out=scaled)
    scaled /= np.add.reduce(scaled)
    return scaled


def chance_of(token: int, logits: npt.NDArray[np.float32], legal: npt.NDArray[np.bool_]) -> float:
    """The model's own probability of one of the legal tokens, unfiltered; 0 where the logits are not finite."""
    values = logits[legal]
    share = (
        np.exp(logits[token] - values.max(), dtype=np.float64) / np.exp(values - values.max(), dtype=np.float64).sum()
    )
    return float(share) if np.isfinite(share) else 0.0


def _ranking(probs: FloatArray, options: SamplingOptions) -> IntArray:
    """Indices in descending order of probability, without those that no filter could keep.

    All tokens below (1 - top_p) / n together weigh less than 1 - top_p, so the nucleus never reaches them. Leaving them out
    makes the sort fast.
    """
    floor = (1.0 - options.top_p) / len(probs)
    candidates = (probs > floor if options.top_p < 1.0 else probs).nonzero()[0]
    return candidates[(-probs[candidates]).argsort(kind="stable")]


def _survivors(probs: FloatArray, options: SamplingOptions, content: npt.NDArray[np.bool_] | None) -> IntArray:
    """The indices that the four filters keep, ascending; all indices if nothing would remain."""
    order = _ranking(probs, options)
    keep = len(order)
    if 0 < options.top_k < keep:
        keep = options.top_k
    if options.top_p < 1.0:
        keep = min(keep, _shortest_prefix(probs[order].cumsum(), options.top_p))
    dropped = options.mask_k if 0 < options.mask_k < keep else 0
    if options.mask_p > 0.0:
        cumulative = probs[order[:keep]].cumsum()
        dropped = max(dropped, min(_shortest_prefix(cumulative, options.mask_p * cumulative[-1]), keep - 1))
    survivors = order[dropped:keep]
    if content is not None and dropped:
        removed = order[:dropped]
        survivors = np.concatenate([removed[~content[removed]], survivors])
    survivors.sort()
    return survivors if len(survivors) else np.arange(len(probs))


def filter_probabilities(
    probs: FloatArray, options: SamplingOptions, content: npt.NDArray[np.bool_] | None
) -> FloatArray:
    """Apply the four filters and renormalise.

    probs: [n] probabilities of the legal tokens. content: [n] True for tokens that are note content; None if all are.
    Filters that would empty the pool leave it as it was.
    """
    if options.unfiltered:
        return probs
    result = np.zeros_like(probs)
    survivors = _survivors(probs, options, content)
    result[survivors] = probs[survivors]
    return result / result.sum()


def sample(
    logits: npt.NDArray[np.float32],
    legal: npt.NDArray[np.bool_],
    options: SamplingOptions,
    content: npt.NDArray[np.bool_] | None,
    generator: np.random.Generator,
) -> int:
    """Draw one legal token id.

    logits [vocab], legal [vocab] bool with at least one True, content [vocab] bool or None. Each draw uses one uniform number,
    so equal generators give equal tokens whenever the probabilities agree to rounding.
    """
    ids = legal.nonzero()[0]
    if len(ids) == 1:
        return int(ids[0])
    chosen = logits[ids]
    if options.top_k == 1 and not (options.mask_k or options.mask_p):
        return int(ids[chosen.argmax()])
    probs = probabilities(chosen, options.temperature)
    if not isfinite(probs[0]):
        probs = np.full(len(ids), 1.0 / len(ids))
    if not options.unfiltered:
        survivors = _survivors(probs, options, None if content is None else content[ids])
        ids, probs = ids[survivors], probs[survivors]
    cumulative = probs.cumsum()
    index = int(cumulative.searchsorted(generator.random() * cumulative[-1], side="right"))
    return int(ids[min(index, len(ids) - 1)])
