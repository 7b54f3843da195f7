"""The results of the engine: scores, and a report of every step that made them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from companion.inference.decoding.following import RunStats
from companion.inference.requests.fitting import FittedStep
from companion.inference.requests.planner import Cell, Step
from companion.music.score import Score


@dataclass(frozen=True, slots=True)
class StepReport:
    """The report of one step. Bars and tracks are the score's; hidden_spans and position_ids index prompt_ids.

    prompt_ids: the prompt as encoded. position_ids: positions of the tokens that were fed, in order; the others were hidden.
    generated_ids: those of the first take that ran here. take: the takes for which this step was run.
    """

    window: tuple[int, int]
    targets: tuple[Cell, ...]
    autoregressive: bool
    prompt_ids: tuple[int, ...]
    position_ids: tuple[int, ...]
    hidden_spans: tuple[tuple[int, int], ...]
    generated_ids: tuple[int, ...]
    takes: tuple[int, ...]
    attempts: int
    prefill_ms: float
    decode_ms: float
    reused_tokens: int

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True)
class GenerationResult:
    """score: the first take. takes: all takes of the request. seed: the seed that reproduces this result."""

    score: Score
    takes: tuple[Score, ...]
    steps: tuple[StepReport, ...]
    seed: int
    model_dim: int
    mask_mode: str
    engine: str
    seconds: float
    warnings: tuple[str, ...] = ()


def report_of(
    step: Step, fitted: FittedStep, takes: Sequence[int], generated: tuple[int, ...], attempts: int, stats: RunStats
) -> StepReport:
    """Make the report of a step from its prompt, the first take's tokens and its cost."""
    prompt = fitted.prompt
    return StepReport(
        window=step.window,
        targets=step.targets,
        autoregressive=step.autoregressive,
        prompt_ids=tuple(prompt.ids),
        position_ids=tuple(prompt.masked.positions.tolist()),
        hidden_spans=tuple(prompt.hidden_spans),
        generated_ids=generated,
        takes=tuple(takes),
        attempts=attempts,
        prefill_ms=round(stats.prefill_ms, 3),
        decode_ms=round(stats.decode_ms, 3),
        reused_tokens=stats.reused_tokens,
    )
