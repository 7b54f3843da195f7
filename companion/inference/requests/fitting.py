"""Makes a step fit the model's context. The context is reduced in this order:

1. Whole context tracks are dropped (only with config.context "auto"). The track farthest in score order from any target's
   track goes first; of two equally far tracks, the later one. Tracks with targets always stay.
2. The window is shortened: the step is planned again with the next smaller length of num_bars_map.
3. In the smallest window, bars are hidden in every track. The bar farthest from any target goes first; of two equally far
   bars, the earlier one (the past matters less than what comes next).

A step fits when its prompt and its expected output stay within n_positions. The expected output is budget_margin × the
window's mean bar for every target.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass

from companion.errors import GenerationError
from companion.inference.prompts.prompt import Prompt, WindowRequest, build_prompt, hide_bars, window_request
from companion.inference.requests.planner import Cell, Step
from companion.inference.requests.validation import ResolvedRequest
from companion.music.score import Score
from companion.tokenizer import Tokenizer

_LEAST_BAR_TOKENS = 24  # tokens reserved for a bar even if all context is rests


class ContextOverflowError(GenerationError):
    """A step does not fit the model's context at this window length."""


@dataclass(frozen=True)
class FittedStep:
    """A step's prompt, and the score's track number of each of its tracks."""

    prompt: Prompt
    request: WindowRequest
    tracks: list[int]

    def in_score(self, cell: Cell, start: int) -> Cell:
        """A window cell as a cell of the score."""
        return self.tracks[cell[0]], cell[1] + start


@dataclass(frozen=True)
class Fitting:
    """Fits one step to a model that reads n_positions tokens. waiting: targets of later steps."""

    tokenizer: Tokenizer
    n_positions: int
    score: Score
    step: Step
    resolved: ResolvedRequest
    waiting: Collection[Cell]

    def by_dropping(self) -> FittedStep:
        """Apply rule 1. Raises ContextOverflowError when that is not enough."""
        dropped: set[int] = set()
        while True:
            request, tracks = self._request(dropped)
            fitted = self._fitted(request, tracks)
            if self._fits(fitted):
                return fitted
            farthest = _farthest_track(tracks, {track for track, _ in self.step.targets})
            if self.resolved.request.config.context != "auto" or farthest is None:
                tokens = len(fitted.prompt.ids)
                raise ContextOverflowError(f"the prompt has {tokens} tokens, the model reads {self.n_positions}")
            dropped.add(farthest)

    def by_hiding(self) -> FittedStep:
        """Apply rules 1 and 3. Raises ContextOverflowError when nothing is left to hide."""
        targets = {track for track, _ in self.step.targets}
        whole = self.resolved.request.config.context != "auto"
        request, tracks = self._request(set() if whole else set(range(len(self.score.tracks))) - targets)
        target_bars = {bar for _, bar in request.targets}
        distance = {bar: min(abs(bar - target) for target in target_bars) for bar in range(request.window.bar_count)}
        leaving = sorted((bar for bar in distance if distance[bar]), key=lambda bar: (-distance[bar], bar))
        for count in range(len(leaving) + 1):
            fitted = self._fitted(hide_bars(request, leaving[:count]), tracks)
            if self._fits(fitted):
                return fitted
        raise ContextOverflowError(
            f"even the smallest window does not fit the model, which reads {self.n_positions} tokens"
        )

    def _request(self, dropped: Collection[int]) -> tuple[WindowRequest, list[int]]:
        return window_request(self.score, self.step, self.resolved, self.waiting, dropped)

    def _fitted(self, request: WindowRequest, tracks: list[int]) -> FittedStep:
        return FittedStep(build_prompt(self.tokenizer, request), request, tracks)

    def _fits(self, fitted: FittedStep) -> bool:
        margin = self.resolved.request.config.budget_margin
        needed = math.ceil(margin * estimated_output(fitted.prompt, fitted.request))
        return fitted.prompt.next_position + needed <= self.n_positions


def estimated_output(prompt: Prompt, request: WindowRequest) -> int:
    """The expected number of tokens of the targets. Each is taken to be as long as the window's mean visible bar."""
    unseen = set(request.targets) | request.hidden | request.pending
    sizes = [end - start for cell, (start, end) in prompt.cell_spans.items() if cell not in unseen]
    mean = sum(sizes) / len(sizes) if sizes else 0
    return math.ceil(max(mean, _LEAST_BAR_TOKENS)) * len(request.targets)


def _farthest_track(tracks: Collection[int], targets: Collection[int]) -> int | None:
    context = [track for track in tracks if track not in targets]
    return max(context, key=lambda track: (min(abs(track - target) for target in targets), track), default=None)
