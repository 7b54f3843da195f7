"""What a run tells whoever watches it. Plain data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RunView:
    """A run at one moment.

    step, tokens: so far, earlier parts included. bits: loss in bits per token since the last line; None before there is one.
    tokens_per_second: over the same time. share: of this part of the run, 0 to 1, and seconds_left until its end; None where the end
    is not known.
    """

    step: int
    tokens: int
    bits: float | None
    tokens_per_second: float
    share: float | None
    seconds_left: float | None
