"""An optional interface of backends: writing whole infills without waiting for the host after each token.

The host states what may be written and how tokens are drawn, and supplies the random numbers. It receives the tokens with a
small delay. Both sides choose the same tokens from the same logits. This module does not import torch, so the token loop can
import it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from companion.inference.backends.base import Cache
from companion.inference.decoding.sampling import SamplingOptions
from companion.tokenizer.grammar import Grammar, WrittenBar


@dataclass(frozen=True, slots=True)
class Infill:
    """One infill for as many takes as `uniforms` has rows.

    targets: the bars in fill order. allow_rests and the limits: see `Grammar.start_infill`. bias [vocab]: added to the logits of
    every step. uniforms [takes, n]: each take's random numbers in order; two per token are enough.
    """

    targets: tuple[WrittenBar, ...]
    uniforms: npt.NDArray[np.float64]
    options: SamplingOptions = SamplingOptions()
    allow_rests: bool = True
    polyphony_hard_limit: int = 0
    density_hard_limit: int = 0
    bias: npt.NDArray[np.float32] | None = None


@dataclass(frozen=True, slots=True)
class PromptEnd:
    """The prompt's last token, not yet in the cache: its id and position, and the position of the first token written."""

    token: int
    position: int
    next_position: int


@runtime_checkable
class WritingBackend(Protocol):
    """A backend that can write by itself."""

    def get_ready(self, cache: Cache, grammar: Grammar) -> None:
        """Prepare the steps for this cache and one take, so that the first bar does not have to wait for it."""
        ...

    def write(self, cache: Cache, grammar: Grammar, end: PromptEnd, infill: Infill) -> Iterator[list[list[int]]]:
        """Feed the prompt's end, then write until every take is done or the context ends. Yields each take's new tokens.

        The cache holds the rest of the prompt before the call and after it. Closing the generator stops the writing, except for
        steps already started. Raises GenerationError when the model fails.
        """
        ...
