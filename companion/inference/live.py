"""Real-time use: one window after another on one warm cache, prefilled while the music is still being played.

A job carries everything it needs; nothing but the cache is kept between jobs, and the cache only ever saves work.

What can be saved is a prompt's beginning, so `LiveInfill` arranges the prompt for the longest one (the model was trained on
tracks in random order, so any order is as good):

1. Tracks that will not change in this window (neither targets nor growing bars) come first.
2. Then the tracks with targets: their heads, history and placeholders are known as soon as the last bar is.
3. Last the tracks with a growing bar (the player's), the one with the earliest growing bar at the very end.

So everything but the bar being played can be prefilled while it is played (`prefill`): at request time only that bar's notes
and FillInStart are new. Bars hidden by an attention mode cost nothing, since they are left out. Attributes do not count
growing bars, or each new note would change a token near the beginning.

Bars that slide by one change every token's position, so the first prefill in a bar costs the whole prompt; it has the whole
bar's time. Keeping a window's start for several bars (`window_start`) saves the unchanged tracks, too, and lets the targets
move to the right inside the window; it pays where known backing tracks make up most of the prompt.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from companion.errors import GenerationError
from companion.inference.decoding import Cancel, DecodeSettings, PromptRunner, RunStats
from companion.inference.engine import InferenceEngine
from companion.inference.planner import Cell
from companion.inference.prompt import Prompt, WindowRequest, build_prompt
from companion.inference.sampling import SamplingOptions
from companion.inference.validation import resolve_mask_mode
from companion.inference.writer import OnBar, OnNote
from companion.music.score import Note, Score


@dataclass(frozen=True)
class LiveJob:
    """One request; tracks and bars count from 0 within the window, which has exactly model_dim bars.

    targets: bars to generate. hidden: bars the model must not see (the player's future). growing: bars being played now,
    whose notes so far are shown. attributes: user levels by track; computed ones stand for what is not given. take_numbers
    start at first_take, so that more takes of the same job differ.
    """

    window: Score
    targets: tuple[Cell, ...]
    hidden: frozenset[Cell] = frozenset()
    growing: frozenset[Cell] = frozenset()
    mask_mode: str = "auto"
    sampling: SamplingOptions = field(default_factory=SamplingOptions)
    attributes: Mapping[int, Mapping[str, int | None]] = field(default_factory=dict)
    seed: int = 0
    takes: int = 1
    first_take: int = 0
    allow_rests: bool = True
    polyphony_hard_limit: int = 0
    density_hard_limit: int = 0


@dataclass(frozen=True, slots=True)
class LiveTake:
    """One candidate: the notes of every target bar, and the tokens they came from."""

    bars: dict[Cell, tuple[Note, ...]]
    ids: tuple[int, ...]
    finished: bool


@dataclass(frozen=True, slots=True)
class LiveResult:
    """takes in order; dropped_tracks: window tracks left out because the prompt would not fit the model."""

    takes: tuple[LiveTake, ...]
    prompt_tokens: int
    prefill_ms: float
    first_note_ms: float | None
    total_ms: float
    reused_tokens: int
    new_tokens: int
    generated_tokens: int
    forward_calls: int
    dropped_tracks: tuple[int, ...] = ()


def window_start(target: int, model_dim: int, previous: int | None = None, future_bars: int = 0, hop: int = 1) -> int:
    """First bar of the window for a target bar of the performance.

    The window ends future_bars after the target; with hop > 1 the previous start is kept until the target has moved hop − 1
    bars further, at the cost of hop − 1 bars less of the past just after a move.
    """
    latest = max(target + 1 + future_bars - model_dim, 0)
    if previous is not None and previous >= latest and previous <= latest + hop - 1:
        return previous
    return latest + hop - 1 if latest else 0


def track_order(job: LiveJob) -> list[int]:
    """Window tracks in prompt order: unchanging, then targets, then growing ones, latest growing bar first."""
    targets = {track for track, _ in job.targets}
    growing = {track: min(bar for t, bar in job.growing if t == track) for track, _ in job.growing}

    def rank(track: int) -> tuple[int, int, int]:
        if track in growing:
            return 2, -growing[track], track
        return (1 if track in targets else 0), 0, track

    return sorted(range(len(job.window.tracks)), key=rank)


class LiveInfill:
    """Serves jobs on one engine, one at a time, from one thread."""

    def __init__(self, engine: InferenceEngine) -> None:
        self.engine = engine
        self._runner: PromptRunner = engine.runner

    def warm_up(self) -> None:
        """Run the model once, so that the first job does not pay for loading kernels."""
        backend = self.engine.backend
        cache = backend.new_cache()
        ids = _column(0)
        for _ in range(3):
            backend.forward(cache, ids, ids + cache.length)

    def forget(self) -> None:
        """Empty the cache; the next job pays for its whole prompt."""
        self._runner.forget()

    def prefill(self, job: LiveJob, cancel: Cancel | None = None) -> RunStats:
        """Feed the part of the job's prompt that can no longer change: all before the first growing bar.

        Raises GenerationCancelled between chunks of 128 tokens; what has been fed by then is kept and used.
        """
        prompt, _, order, _ = self._prepare(job)
        local = {track: index for index, track in enumerate(order)}
        starts = [prompt.cell_spans[local[t], bar][0] for t, bar in job.growing if t in local]
        if not starts:
            return self._runner.prefill(prompt, cancel=cancel)
        # a few tokens of the growing bar (Bar, TimeSig) are certain as well, but not worth an exception
        known = int((prompt.masked.positions < min(starts)).sum())
        return self._runner.prefill(prompt, known, cancel)

    def generate(
        self, job: LiveJob, on_note: OnNote | None = None, on_bar: OnBar | None = None, cancel: Cancel | None = None
    ) -> LiveResult:
        """Generate all targets, streaming on_note(track, bar, note, take) and on_bar(track, bar, take).

        Notes are on the window's grid; tracks and bars the window's. Raises GenerationCancelled (within one forward pass of
        cancel() turning true), GenerationError when the model fails, TokenizerError for music that cannot be expressed.
        """
        prompt, request, order, dropped = self._prepare(job)
        settings = DecodeSettings(
            job.sampling,
            seed=job.seed,
            allow_rests=job.allow_rests,
            polyphony_hard_limit=job.polyphony_hard_limit,
            density_hard_limit=job.density_hard_limit,
        )
        numbers = range(job.first_take, job.first_take + job.takes)
        takes, stats = self._runner.run(
            prompt, request, settings, numbers, _renumbered(on_note, order), _renumbered(on_bar, order), cancel
        )
        results = tuple(
            LiveTake(
                {(order[t], bar): tuple(notes) for (t, bar), notes in take.writer.bars.items()},
                tuple(take.ids),
                take.finished,
            )
            for take in takes
        )
        return LiveResult(
            takes=results,
            prompt_tokens=len(prompt.masked.ids),
            prefill_ms=stats.prefill_ms,
            first_note_ms=stats.first_note_ms,
            total_ms=stats.prefill_ms + stats.decode_ms,
            reused_tokens=stats.reused_tokens,
            new_tokens=stats.new_tokens,
            generated_tokens=stats.generated_tokens,
            forward_calls=stats.forward_calls,
            dropped_tracks=dropped,
        )

    def _prepare(self, job: LiveJob) -> tuple[Prompt, WindowRequest, list[int], tuple[int, ...]]:
        """The job's prompt in its own track order; context tracks go, the first in that order first, until it fits."""
        mode = resolve_mask_mode(job.mask_mode, self.engine.tokenizer.vocabulary)
        order = track_order(job)
        keep = {track for track, _ in job.targets}
        dropped: list[int] = []
        while True:
            request = _window_request(job, order, mode)
            prompt = build_prompt(self.engine.tokenizer, request)
            if self._runner.room(prompt) >= 2 * self._needed(job):
                return prompt, request, order, tuple(dropped)
            leaving = next((track for track in order if track not in keep), None)
            if leaving is None:
                if self._runner.room(prompt) > 0:
                    return prompt, request, order, tuple(dropped)
                raise GenerationError(f"the window's {len(prompt.ids)} tokens do not fit the model")
            order = [track for track in order if track != leaving]
            dropped.append(leaving)

    def _needed(self, job: LiveJob) -> int:
        return 48 * len(job.targets)


def _window_request(job: LiveJob, order: list[int], mode: str) -> WindowRequest:
    local = {track: index for index, track in enumerate(order)}

    def mapped(cells: frozenset[Cell] | tuple[Cell, ...]) -> frozenset[Cell]:
        return frozenset((local[track], bar) for track, bar in cells if track in local)

    return WindowRequest(
        window=job.window.select_tracks(order),
        targets=tuple(sorted(mapped(job.targets))),
        hidden=mapped(job.hidden),
        mask_mode=mode,
        attributes={local[track]: levels for track, levels in job.attributes.items() if track in local},
        uncounted=mapped(job.growing),
    )


def _renumbered(callback: Callable[..., None] | None, order: list[int]) -> Callable[..., None] | None:
    """The callback with the window's own track numbers."""
    if callback is None:
        return None

    def renumbered(track: int, *rest: Any) -> None:
        callback(order[track], *rest)

    return renumbered


def _column(token: int) -> Any:
    import numpy as np

    return np.full((1, 1), token, dtype=np.int64)


def with_seed(job: LiveJob, seed: int) -> LiveJob:
    """The same job with other random numbers."""
    return replace(job, seed=seed)
