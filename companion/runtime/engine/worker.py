"""The session's jobs on an inference engine: `Job` in, engine events out. Knows nothing of processes or pipes.

The engine process and simulated time share it, so both give the same answers.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from companion.errors import CompanionError, GenerationCancelled
from companion.inference.checkpoints.capabilities import encoder_capabilities
from companion.inference.checkpoints.hub import find_checkpoint
from companion.inference.decoding.sampling import SamplingOptions
from companion.inference.engine import InferenceEngine
from companion.inference.live import LiveInfill, LiveJob, LiveResult
from companion.inference.requests.validation import supported_mask_modes
from companion.music import Bar, Note, Score, TimeSignature, Track
from companion.music.units import RESOLUTION
from companion.session.api.effects import Job
from companion.session.api.engine_events import (
    BarGenerated,
    CheckpointInfo,
    EngineEvent,
    EngineReady,
    GenerationFailed,
    GenerationFinished,
    LoadedSize,
    NoteGenerated,
)
from companion.session.api.settings import ModelSettings, Sampling
from companion.tokenizer import Style

Emit = Callable[[EngineEvent], object]
Cancelled = Callable[[], bool]
WARM_REPEATS = 2
NOTES_A_BEAT = 12  # where the player sets no limit: no real bar comes near, and one that runs away would be late


def sampling_options(sampling: Sampling) -> SamplingOptions:
    """The filter settings of a job, in inference's own type."""
    return SamplingOptions(
        temperature=sampling.temperature,
        top_k=sampling.top_k,
        top_p=sampling.top_p,
        mask_k=sampling.mask_k,
        mask_p=sampling.mask_p,
    )


def growing_cells(job: Job) -> frozenset[tuple[int, int]]:
    """The bars that are being played: for each track whose last bars are hidden, the bar before those."""
    bars, hidden = job.window.bar_count, set(job.hidden)
    growing = set()
    for track in {track for track, _ in hidden}:
        first = bars
        while (track, first - 1) in hidden:
            first -= 1
        if 0 < first < bars:
            growing.add((track, first - 1))
    return frozenset(growing - set(job.targets))


def style_of(sampling: Sampling, genres: Sequence[str] = ()) -> Style:
    """Genre and switches of a job. genres: the checkpoint's."""
    return Style(
        genres.index(sampling.genre) if sampling.genre in genres else None,
        velocity=sampling.human >= 1,
        microtiming=sampling.human >= 2,
    )


def live_job(job: Job, genres: Sequence[str] = (), switches: Collection[str] = ()) -> LiveJob:
    """A session's job as inference takes it; tracks and bars stay those of the window. genres, switches: the checkpoint's."""
    style = style_of(job.sampling, genres)
    return LiveJob(
        style=replace(
            style,
            velocity=style.velocity or "velocity" not in switches,
            microtiming=style.microtiming or "microtiming" not in switches,
        ),
        window=job.window,
        targets=job.targets,
        hidden=frozenset(job.hidden),
        growing=growing_cells(job) | frozenset(job.late),
        cache_set=job.cache_set,
        mask_mode=job.mask_mode,
        sampling=sampling_options(job.sampling),
        attributes={track: dict(levels) for track, levels in enumerate(job.attributes) if levels},
        seed=job.seed,
        takes=job.takes,
        ranked=job.ranked and job.takes > 1,
        allow_rests=job.sampling.allow_rests,
        polyphony_hard_limit=job.sampling.polyphony_hard_limit,
        density_hard_limit=job.sampling.density_hard_limit or _notes_limit(job),
        harmony=job.sampling.harmony,
        variety=job.sampling.variety,
        expected=job.expected,
        chords=job.chords,
        guide=job.guide,
        chord_tracks=frozenset(job.chord_tracks),
        forced={track: job.forced[lane] for track, lane in enumerate(job.tracks) if lane in job.forced},
        from_beat=job.from_beat,
        paces={track: job.paces[lane] for track, lane in enumerate(job.tracks) if lane in job.paces},
        avoided={track: job.avoided[lane] for track, lane in enumerate(job.tracks) if lane in job.avoided},
    )


def _notes_limit(job: Job) -> int:
    """How many notes a bar of this job may have. Now and then, a model does not find the end of a bar."""
    beats = max(float(job.window.tracks[track].bars[bar].time_signature.beats) for track, bar in job.targets)
    return max(1, round(NOTES_A_BEAT * beats))


@dataclass(frozen=True, slots=True)
class Outcome:
    """The cost of a finished job. A result of None means that it was cancelled or failed."""

    result: LiveResult | None
    seconds: float


class Worker:
    """One loaded checkpoint, ready for jobs."""

    def __init__(self, engine: InferenceEngine, name: str = "") -> None:
        self.engine = engine
        self.live = LiveInfill(engine)
        self._name = name
        able = encoder_capabilities(engine.checkpoint.encoder_config, name)
        self._genres, self._switches = able.genres, able.switches

    def _live_job(self, job: Job) -> LiveJob:
        return live_job(job, self._genres, self._switches)

    @classmethod
    def load(cls, model: ModelSettings) -> Worker:
        """Load a checkpoint by name or path; the largest of several sizes. Raises the errors of `open`."""
        return cls.open(find_checkpoint(model.checkpoint), model.engine, model.checkpoint)

    @classmethod
    def open(cls, path: Path, engine: str, name: str) -> Worker:
        """Load a file and run it once. Raises CheckpointError, GenerationError or RequestValidationError."""
        worker = cls(InferenceEngine.from_checkpoint(path, engine), name)
        worker.live.warm_up()
        return worker

    def info(self) -> CheckpointInfo:
        """What the checkpoint can do, in the session's type."""
        config = self.engine.checkpoint.encoder_config
        return CheckpointInfo(
            name=self._name,
            engine=self.engine.engine,
            num_bars_map=tuple(config.num_bars_map),
            mask_modes=supported_mask_modes(self.engine.tokenizer.vocabulary),
            microtiming=config.emit_delta_tokens,
            velocity_levels=config.velocity_levels,
            resolution=config.resolution,
            time_signatures=tuple(config.time_signatures),
            attributes=config.attribute_names,
            parameters=self.engine.checkpoint.config.parameters,
            n_positions=self.engine.backend.n_positions,
            chord_guide=self.engine.checkpoint.chord_guide,
            genres=self._genres,
            switches=self._switches,
            unknown_controls=config.unknown_controls,
        )

    def ready(self) -> EngineReady:
        """The event EngineReady, with one-bar generation times measured now."""
        loaded = self.loaded()
        return EngineReady(loaded.checkpoint, loaded.warm_seconds)

    def loaded(self) -> LoadedSize:
        """What this checkpoint can do, with one-bar generation times measured just now."""
        info = self.info()
        return LoadedSize(info, tuple((dim, self.measure(dim)) for dim in info.num_bars_map))

    def loaded_during_music(self) -> LoadedSize:
        """As `loaded`, with one bar in the smallest window as the only measurement: another size plays and needs the processor."""
        info = self.info()
        smallest = min(info.num_bars_map)
        return LoadedSize(info, ((smallest, self._timed(smallest, 0)),))

    def measure(self, model_dim: int) -> float:
        """Seconds that one bar of one track takes in a window of this size with three busy tracks; the slower of some runs."""
        return max(self._timed(model_dim, seed) for seed in range(WARM_REPEATS))

    def measure_token(self) -> float:
        """Seconds that decoding one token takes, in the largest window."""
        dim = max(self.engine.checkpoint.encoder_config.num_bars_map)
        meters = self.engine.checkpoint.encoder_config.time_signatures
        results = [self.generate(example_job(dim, meters, seed), lambda event: None).result for seed in range(3)]
        done = [
            (result.total_ms - result.prefill_ms, result.generated_tokens) for result in results if result is not None
        ]
        return sum(ms for ms, _ in done) / max(sum(tokens for _, tokens in done), 1) / 1000

    def _timed(self, model_dim: int, seed: int) -> float:
        job = example_job(model_dim, self.engine.checkpoint.encoder_config.time_signatures, seed)
        begun = time.perf_counter()
        self.generate(job, lambda event: None)
        return time.perf_counter() - begun

    def prefill(self, job: Job, cancelled: Cancelled | None = None) -> int:
        """Read what is known of a coming job; how many tokens were new. Errors are ignored: prefilling is only an
        optimisation."""
        try:
            return self.live.prefill(self._live_job(job), cancelled).new_tokens
        except CompanionError:
            return 0

    def generate(self, job: Job, emit: Emit, cancelled: Cancelled | None = None) -> Outcome:
        """Do a job and stream its events. A cancelled job stops without an event."""
        begun = time.perf_counter()

        def on_note(track: int, bar: int, note: Note, take: int) -> None:
            emit(NoteGenerated(job.request_id, job.tracks[track], job.first_bar + bar, note, take))

        def on_bar(track: int, bar: int, take: int) -> None:
            emit(BarGenerated(job.request_id, job.tracks[track], job.first_bar + bar, take))

        result = None
        try:
            result = self.live.generate(self._live_job(job), on_note, on_bar, cancelled)
        except GenerationCancelled:
            pass
        except CompanionError as error:
            emit(GenerationFailed(job.request_id, str(error)))
        seconds = time.perf_counter() - begun
        if result is not None:
            emit(finished(job, result, seconds))
        return Outcome(result, seconds)

    def close(self) -> None:
        """Free the model."""
        self.engine.close()


def finished(job: Job, result: LiveResult, seconds: float) -> GenerationFinished:
    """The last event of a job that went well."""
    first = result.first_note_ms
    return GenerationFinished(
        request_id=job.request_id,
        seconds=seconds,
        prefill_seconds=result.prefill_ms / 1000,
        first_note_seconds=None if first is None else first / 1000,
        tokens=result.generated_tokens,
        reused_tokens=result.reused_tokens,
    )


def example_job(model_dim: int, meters: tuple[TimeSignature, ...] = (), seed: int = 0) -> Job:
    """A window like one met in play: a bass and a piano to the last bar, a melody whose last bar is hidden."""
    meter = TimeSignature() if not meters or TimeSignature() in meters else meters[0]
    length = meter.bar_ticks(RESOLUTION)

    def bar(pitch: int, count: int) -> Bar:
        step = length // count
        notes = (Note(index * step, step, pitch + 2 * (index % 4), 80) for index in range(count))
        return Bar(tuple(notes), meter)

    rest = Bar((), meter)
    bass = Track((*(bar(36, 4) for _ in range(model_dim - 1)), rest), program=33)
    piano = Track(tuple(bar(52, 8) for _ in range(model_dim)), program=0)
    tune = Track((*(bar(67, 6) for _ in range(model_dim - 1)), rest), program=73)
    return Job(
        request_id=-1,
        window=Score((bass, piano, tune), RESOLUTION),
        first_bar=0,
        tracks=(0, 1, 2),
        targets=((0, model_dim - 1),),
        hidden=((2, model_dim - 1),),
        mask_mode="auto",
        sampling=Sampling(),
        seed=seed,
        attributes=({}, {}, {}),
    )
