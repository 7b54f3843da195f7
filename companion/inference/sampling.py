"""From logits to one token: temperature, then top_k, top_p, mask_k and mask_p in that order, then a seeded draw.

Works on the legal tokens only, so its cost follows the size of the legal set and not of the vocabulary. Knows nothing of
grammar or music beyond the set of note-content ids that mask_k and mask_p may remove (they never remove structure, or a
bar could not end). Source: representation.md G.1.
"""

from __future__ import annotations

from dataclasses import dataclass

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
    """A stream of its own for every (seed, attempt, step, take), so a draw depends on no engine, batch or order of work."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed & (2**63 - 1), attempt, step, take])))


def _shortest_prefix(cumulative: FloatArray, mass: float) -> int:
    """Length of the shortest prefix whose cumulative mass reaches `mass`."""
    return min(int(np.searchsorted(cumulative, mass - 1e-12)) + 1, len(cumulative))


def probabilities(logits: npt.NDArray[np.float32], temperature: float) -> FloatArray:
    """Softmax of logits / temperature in float64."""
    scaled = logits.astype(np.float64)
    scaled -= scaled.max()
    scaled /= temperature
    np.exp(scaled, out=scaled)
    scaled /= scaled.sum()
    return scaled


def chance_of(token: int, logits: npt.NDArray[np.float32], legal: npt.NDArray[np.bool_]) -> float:
    """The model's own probability of one of the legal tokens, unfiltered; 0 where the logits are not finite."""
    values = logits[legal]
    share = (
        np.exp(logits[token] - values.max(), dtype=np.float64) / np.exp(values - values.max(), dtype=np.float64).sum()
    )
    return float(share) if np.isfinite(share) else 0.0


def _ranking(probs: FloatArray, options: SamplingOptions) -> IntArray:
    """Indices in descending order of probability, leaving out those that no filter could keep.

    All tokens below (1 - top_p) / n together weigh less than 1 - top_p, so the nucleus never reaches them; sorting fewer
    is what makes this fast.
    """
    floor = (1.0 - options.top_p) / len(probs)
    candidates = np.flatnonzero(probs > floor) if options.top_p < 1.0 else np.flatnonzero(probs)
    return candidates[np.argsort(-probs[candidates], kind="stable")]


def filter_probabilities(
    probs: FloatArray, options: SamplingOptions, content: npt.NDArray[np.bool_] | None
) -> FloatArray:
    """Apply the four filters and renormalise.

    probs: [n] probabilities of the legal tokens. content: [n] True where the token is note content, None where all are.
    Filters that would empty the pool leave it as it was.
    """
    if options.unfiltered:
        return probs
    order = _ranking(probs, options)
    ranked = probs[order]
    keep = len(ranked)
    if 0 < options.top_k < keep:
        keep = options.top_k
    if options.top_p < 1.0:
        keep = min(keep, _shortest_prefix(np.cumsum(ranked), options.top_p))
    dropped = options.mask_k if 0 < options.mask_k < keep else 0
    if options.mask_p > 0.0:
        survivors = np.cumsum(ranked[:keep])
        dropped = max(dropped, min(_shortest_prefix(survivors, options.mask_p * survivors[-1]), keep - 1))
    kept = np.ones(keep, dtype=bool)
    kept[:dropped] = False
    if content is not None and dropped:
        kept[:dropped] |= ~content[order[:dropped]]
    result = np.zeros_like(probs)
    survivors = order[:keep][kept]
    result[survivors] = probs[survivors]
    total = result.sum()
    return result / total if total > 0.0 else probs


def sample(
    logits: npt.NDArray[np.float32],
    legal: npt.NDArray[np.bool_],
    options: SamplingOptions,
    content: npt.NDArray[np.bool_] | None,
    generator: np.random.Generator,
) -> int:
    """Draw one legal token id.

    logits [vocab], legal [vocab] bool with at least one True, content [vocab] bool or None. One uniform number is used per
    draw, so equal generators give equal tokens whenever the probabilities agree to rounding.
    """
    ids = np.flatnonzero(legal)
    if len(ids) == 1:
        return int(ids[0])
    chosen = logits[ids]
    if options.top_k == 1 and not (options.mask_k or options.mask_p):
        return int(ids[int(np.argmax(chosen))])
    probs = probabilities(chosen, options.temperature)
    if not np.isfinite(probs[0]):
        probs = np.full(len(ids), 1.0 / len(ids))
    probs = filter_probabilities(probs, options, None if content is None else content[ids])
    cumulative = np.cumsum(probs)
    index = int(np.searchsorted(cumulative, generator.random() * cumulative[-1], side="right"))
    return int(ids[min(index, len(ids) - 1)])
