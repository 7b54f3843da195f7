"""The engine that users of the model family know: a score and a request in, a score with new bars out.

The engine plans steps, fits each step to the model, generates, checks the result and tries again where needed. Bars that are
not targets come back as the same objects. Generated bars are placed on the score's own grid. Model errors are always raised.
"""

from __future__ import annotations

import random
import secrets
from collections import Counter, deque
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from companion.errors import GenerationError
from companion.inference.backends.select import make_backend, open_ready
from companion.inference.decoding.checks import place_bars, rejection_reason
from companion.inference.decoding.choosing import DecodeSettings, Take
from companion.inference.decoding.following import Cancel, RunStats
from companion.inference.decoding.sampling import SamplingOptions
from companion.inference.decoding.token_loop import PromptRunner
from companion.inference.decoding.writer import OnBar, OnNote
from companion.inference.requests.fitting import ContextOverflowError, FittedStep, Fitting
from companion.inference.requests.planner import Cell, PlanOptions, Step, plan_steps
from companion.inference.requests.request import GenerationRequest, InferenceConfig
from companion.inference.requests.validation import MAX_ESCALATION, ResolvedRequest, validate_request
from companion.inference.results import GenerationResult, StepReport, report_of
from companion.music.score import Note, Score
from companion.tokenizer import Tokenizer

if TYPE_CHECKING:
    from companion.inference.backends.base import Backend
    from companion.inference.checkpoints.files import Checkpoint


class InferenceEngine:
    """One checkpoint on one engine. It must not be used from several threads at once."""

    def __init__(self, checkpoint: Checkpoint, backend: Backend, reason: str = "") -> None:
        self.checkpoint = checkpoint
        self.backend = backend
        self.reason = reason
        self.tokenizer = Tokenizer(checkpoint.encoder_config)
        self.runner = PromptRunner(backend, self.tokenizer)

    @classmethod
    def from_checkpoint(cls, path: str | Path | Checkpoint, engine: str = "auto") -> InferenceEngine:
        """Load a checkpoint file or directory. Raises CheckpointError, or GenerationError if the engine is not available."""
        from companion.inference.checkpoints.files import Checkpoint, load_checkpoint

        if isinstance(path, Checkpoint):
            return cls(path, *make_backend(path, engine))
        ready = open_ready(Path(path), engine)
        if ready is not None:
            return cls(*ready)
        checkpoint = load_checkpoint(path)
        return cls(checkpoint, *make_backend(checkpoint, engine))

    @classmethod
    def from_pretrained(cls, name: str, engine: str = "auto") -> InferenceEngine:
        """Load a checkpoint by name or path; see `hub.find_checkpoint`."""
        from companion.inference.checkpoints.hub import find_checkpoint

        return cls.from_checkpoint(find_checkpoint(name), engine)

    @property
    def engine(self) -> str:
        """Name of the backend that runs."""
        return self.backend.name

    def validate(self, score: Score, request: GenerationRequest) -> ResolvedRequest:
        """Check a request. Raises RequestValidationError. If the checkpoint cannot read a guide, it is left out with a warning."""
        unread = bool(request.guide) and not self.checkpoint.chord_guide
        resolved = validate_request(score, replace(request, guide={}) if unread else request, self.tokenizer.vocabulary)
        if not unread:
            return resolved
        warning = f"{self.checkpoint.name} was not trained with chord guides: the chords are not used"
        return replace(resolved, warnings=(*resolved.warnings, warning))

    def session(self, score: Score, request: GenerationRequest) -> InferenceSession:
        """A checked request, ready to run; raises RequestValidationError."""
        return InferenceSession(self, score, self.validate(score, request))

    def generate(
        self,
        score: Score,
        request: GenerationRequest,
        *,
        on_note: OnNote | None = None,
        on_bar: OnBar | None = None,
        cancel: Cancel | None = None,
    ) -> GenerationResult:
        """Validate, plan and run. See InferenceSession.generate."""
        return self.session(score, request).generate(on_note=on_note, on_bar=on_bar, cancel=cancel)

    def close(self) -> None:
        """Free the model."""
        self.backend.close()


class InferenceSession:
    """One request on one score."""

    def __init__(self, engine: InferenceEngine, score: Score, resolved: ResolvedRequest) -> None:
        self.engine = engine
        self.score = score
        config = resolved.request.config
        self.seed = config.seed if config.seed >= 0 else secrets.randbelow(2**31)
        self.resolved = _thin_targets(resolved, self.seed)
        self._settings = DecodeSettings(
            SamplingOptions(config.temperature, config.top_k, config.top_p, config.mask_k, config.mask_p),
            seed=self.seed,
            allow_rests=config.allow_rests,
            polyphony_hard_limit=config.polyphony_hard_limit,
            density_hard_limit=config.density_hard_limit,
        )

    def plan(self) -> list[Step]:
        """The planned steps, before they are fitted to the model."""
        resolved = self.resolved
        options = _plan_options(resolved.request.config, resolved.model_dim)
        shuffle = self.seed if resolved.request.config.shuffle else None
        return plan_steps(self.score.bar_count, resolved.infill, resolved.autoregressive, options, shuffle)

    def run(self) -> Score:
        """The score with the requested bars generated, on its own grid."""
        return self.generate().score

    def generate(
        self, *, on_note: OnNote | None = None, on_bar: OnBar | None = None, cancel: Cancel | None = None
    ) -> GenerationResult:
        """Run all steps.

        on_note(track, bar, note, take) and on_bar(track, bar, take) are called while tokens are decoded, with the score's
        numbers and grid. A bar that is tried again repeats these calls from its start. cancel() is asked before every forward
        pass; when it returns true, GenerationCancelled is raised. Raises GenerationError when the model fails or no candidate
        is accepted.
        """
        started = perf_counter()
        run = _Run(self, on_note, on_bar, cancel)
        run.finish()
        config = self.resolved.request.config
        scores = tuple(run.scores[: config.num_candidates])
        return GenerationResult(
            score=scores[0],
            takes=scores,
            steps=tuple(run.reports),
            seed=self.seed,
            model_dim=self.resolved.model_dim,
            mask_mode=self.resolved.mask_mode,
            engine=self.engine.engine,
            seconds=perf_counter() - started,
            warnings=self.resolved.warnings,
        )


class _Run:
    """The state of one run: a score per take, the remaining steps, and the reports."""

    def __init__(
        self, session: InferenceSession, on_note: OnNote | None, on_bar: OnBar | None, cancel: Cancel | None
    ) -> None:
        self._engine, self._session = session.engine, session
        self._resolved, self._config = session.resolved, session.resolved.request.config
        self._on_note, self._on_bar, self._cancel = on_note, on_bar, cancel
        self.scores = [session.score] * self._config.num_candidates
        self.reports: list[StepReport] = []
        self._queue = deque(session.plan())

    def finish(self) -> None:
        """Do every step for every take. Takes whose music is the same so far share a batch."""
        number = 0
        while self._queue:
            step = self._queue.popleft()
            waiting = frozenset(cell for later in self._queue for cell in later.targets)
            groups: dict[Score, list[int]] = {}
            for take, score in enumerate(self.scores):
                groups.setdefault(score, []).append(take)
            fitted = {score: self._fit(score, step, waiting) for score in groups}
            if any(fit is None for fit in fitted.values()):
                self._replan(step)
                continue
            for score, takes in groups.items():
                fit = fitted[score]
                assert fit is not None
                self._run_step(number, step, score, fit, takes)
            number += 1

    def _fit(self, score: Score, step: Step, waiting: frozenset[Cell]) -> FittedStep | None:
        """Fit a step to the model. Returns None when it must be planned again with a smaller window."""
        engine = self._engine
        fitting = Fitting(engine.tokenizer, engine.backend.n_positions, score, step, self._resolved, waiting)
        try:
            return fitting.by_dropping()
        except ContextOverflowError:
            if self._smaller_width(step):
                return None
            return fitting.by_hiding()

    def _smaller_width(self, step: Step) -> int | None:
        known = self._engine.tokenizer.config.num_bars_map
        return max((width for width in known if width < step.end - step.start), default=None)

    def _replan(self, step: Step) -> None:
        width = self._smaller_width(step)
        assert width is not None
        options = _plan_options(self._config, width)
        options = replace(options, bars_per_step=min(options.bars_per_step, width))
        cells: dict[int, list[int]] = {}
        for track, bar in step.targets:
            cells.setdefault(track, []).append(bar)
        bars = self._session.score.bar_count
        smaller = plan_steps(bars, *(({}, cells) if step.autoregressive else (cells, {})), options)
        self._queue.extendleft(reversed(smaller))

    def _run_step(self, number: int, step: Step, score: Score, fitted: FittedStep, takes: list[int]) -> None:
        """Repeat attempts until every take has an acceptable candidate."""
        left = list(takes)
        reasons: Counter[str] = Counter()
        stats, first_ids, attempt = RunStats(), (), 0
        for attempt in range(self._config.max_attempts):
            candidates, cost = self._attempt(number, attempt, step, fitted, left)
            stats = _add(stats, cost)
            first_ids = first_ids or tuple(candidates[0].ids)
            for candidate in candidates:
                after = place_bars(score, self._cells(candidate, fitted, step))
                reason = self._reject(candidate, score, after, step)
                if reason is None:
                    self.scores[candidate.number] = after
                    left.remove(candidate.number)
                    first_ids = tuple(candidate.ids) if candidate.number == takes[0] else first_ids
                else:
                    reasons[reason] += 1
            if not left:
                break
        self.reports.append(report_of(step, fitted, takes, first_ids, attempt + 1, stats))
        if left:
            listed = ", ".join(f"{reason} ×{count}" for reason, count in reasons.items())
            raise GenerationError(
                f"no acceptable candidate in {self._config.max_attempts} attempts ({listed}); raise max_attempts or "
                "temperature_escalation, allow rests, or switch the failing check off"
            )

    def _attempt(
        self, number: int, attempt: int, step: Step, fitted: FittedStep, takes: list[int]
    ) -> tuple[list[Take], RunStats]:
        settings = self._session._settings
        factor = min(self._config.temperature_escalation, MAX_ESCALATION) ** attempt
        sampling = replace(settings.sampling, temperature=settings.sampling.temperature * factor)
        settings = replace(settings, sampling=sampling, attempt=attempt, step=number)
        on_note, on_bar = self._on_note, self._on_bar

        def noted(track: int, bar: int, note: Note, take: int) -> None:
            if on_note is not None:
                on_note(*fitted.in_score((track, bar), step.start), note, take)

        def barred(track: int, bar: int, take: int) -> None:
            if on_bar is not None:
                on_bar(*fitted.in_score((track, bar), step.start), take)

        return self._engine.runner.run(
            fitted.prompt, fitted.request, settings, takes, on_note and noted, on_bar and barred, self._cancel
        )

    def _cells(self, take: Take, fitted: FittedStep, step: Step) -> dict[Cell, list[Note]]:
        return {fitted.in_score(cell, step.start): notes for cell, notes in take.writer.bars.items()}

    def _reject(self, take: Take, before: Score, after: Score, step: Step) -> str | None:
        if not take.finished:
            return "the model's context ended inside a bar"
        return rejection_reason(before, after, step.targets, self._config, self._engine.tokenizer.config.resolution)


def _add(total: RunStats, cost: RunStats) -> RunStats:
    return replace(
        cost,
        prefill_ms=total.prefill_ms + cost.prefill_ms,
        decode_ms=total.decode_ms + cost.decode_ms,
        reused_tokens=total.reused_tokens + cost.reused_tokens,
    )


def _plan_options(config: InferenceConfig, model_dim: int) -> PlanOptions:
    bars = 0 if config.bars_per_step == "auto" else int(config.bars_per_step)
    tracks = 0 if config.tracks_per_step == "auto" else int(config.tracks_per_step)
    return PlanOptions(model_dim, bars, tracks, config.ar_overlap, config.min_overlap_bars)


def _thin_targets(resolved: ResolvedRequest, seed: int) -> ResolvedRequest:
    """Keep each infill target with infill_probability, and at least one."""
    probability = resolved.request.config.infill_probability
    cells = sorted((track, bar) for track, bars in resolved.infill.items() for bar in bars)
    if probability >= 1.0 or not cells:
        return resolved
    rng = random.Random(seed)
    kept = [cell for cell in cells if rng.random() < probability] or [rng.choice(cells)]
    infill = {track: tuple(bar for t, bar in kept if t == track) for track in {t for t, _ in kept}}
    return replace(resolved, infill=infill)
