"""An optional interface of backends: writing whole infills without waiting for the host after each token.

The host states what may be written and how tokens are drawn, and supplies the random numbers. It receives the tokens with a
small delay. Both sides choose the same tokens from the same logits. Parts of a bar and takes of a part are written in one batch.
This module does not import torch, so the token loop can import it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from companion.inference.backends.base import Cache
from companion.inference.decoding.sampling import SamplingOptions
from companion.inference.steering.dials import BarPushes
from companion.tokenizer.grammar import Grammar, WrittenBar


@dataclass(frozen=True, slots=True)
class Infill:
    """One infill for as many takes as `uniforms` has rows.

    targets: the bars in fill order. allow_rests and the limits: see `Grammar.start_infill`. bias [vocab]: added to the logits of
    every step. uniforms [takes, n]: each take's random numbers in order; two per token are enough.
    openings, from_tick, weighed: see `DecodeSettings`. pushes: what steers each target; () = nothing.
    """

    targets: tuple[WrittenBar, ...]
    uniforms: npt.NDArray[np.float64]
    options: SamplingOptions = SamplingOptions()
    allow_rests: bool = True
    polyphony_hard_limit: int = 0
    density_hard_limit: int = 0
    bias: npt.NDArray[np.float32] | None = None
    openings: tuple[tuple[int, ...], ...] = ()
    from_tick: int = 0
    weighed: bool = False
    pushes: tuple[BarPushes, ...] = ()


@dataclass(frozen=True, slots=True)
class PromptEnd:
    """The prompt's last token, not yet in the cache: its id and position, and the position of the first token written."""

    token: int
    position: int
    next_position: int


class Written(NamedTuple):
    """What came back: each take's new tokens, and whether all takes are done.

    weights [takes, 2]: log-likelihoods of all choices so far, and their number, for takes that are weighed.
    """

    tokens: list[list[int]]
    done: bool
    weights: npt.NDArray[np.float64]


class Writing(Protocol):
    """A batch of infills, each after its own prompt. The next call of `begin` ends it."""

    def add(self, cache: Cache, end: PromptEnd, infill: Infill) -> None:
        """Add the infill's takes as rows. The cache holds the prompt without its end, and is free again after the call."""
        ...

    def run(self) -> Iterator[Written]:
        """Feed the prompts' ends, then write until every take is done or its context ends.

        Closing the generator stops the writing, except for steps already started. Raises GenerationError when the model fails.
        """
        ...


@runtime_checkable
class WritingBackend(Protocol):
    """A backend that can write by itself."""

    @property
    def most_rows(self) -> int:
        """The largest number of takes in one batch."""
        ...

    def get_ready(self, grammar: Grammar) -> None:
        """Prepare everything that live play needs, so that no bar has to wait for it."""
        ...

    def begin(self, grammar: Grammar) -> Writing:
        """An empty batch."""
        ...

    def refusals(self, infill: Infill) -> list[str]:
        """Why the backend cannot write this infill by itself; none if it can."""
        ...
