"""How unsteadily a recorded player plays. A module of its own: it travels to the processes, and the tunes do not."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Manner:
    """How unsteady: standard deviations in seconds, tick outliers included by clipping at four of them."""

    tick_jitter_seconds: float = 0.002
    note_jitter_seconds: float = 0.006
    seed: int = 0


USUAL = Manner()
