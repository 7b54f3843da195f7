"""Real-time use: windows follow each other on warm caches, and are prefilled while the music is still being played.

A job carries everything it needs. Only the caches are kept between jobs, and they only save work.

A job that asks for bars of several tracks is served as one part per track. Each part has its own prompt, in which its track
stands last, because small models continue best when a fill directly follows its own track's past. With an early yellow on
held-out music, this takes 0.14 bits per token less than one of several fills; training prefers the same layout. Parts are
written one after the other, so that later parts hear the earlier ones, or in one batch, which reads the weights once
(`layout.Together`). Several takes of several tracks share one prompt with all fills, because each take would otherwise need
its own context.

Everything that is known a bar ahead can be prefilled. Late bars (`prompt`) are the bars being played and the bars that a request
has just given to other tracks. Nothing else in the prompt attends to them. Each part of a request therefore has a skeleton that
is prefilled in its own cache while the music plays. At request time only late bars and fills remain: 30 to 150 tokens of
several thousand. Attributes do not count late bars, because each new note would otherwise change a token near the beginning.

Bars hidden by an attention mode cost nothing, because they are left out. When the window moves by one bar, every token's position
changes, so the first prefill in a bar costs the whole skeleton; it has the whole bar's time. Keeping a window's start for
several bars (`layout.window_start`) also saves the unchanged tracks, while the targets move to the right inside the window. It
pays off when known backing tracks make up most of the prompt.

A chord guide, for models that were trained with one, comes last in the prompt. A chord that changes or becomes known late
therefore costs only its own 25 tokens and the few after them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from math import ceil, inf
from typing import Any

import numpy as np
import numpy.typing as npt

from companion.errors import GenerationError
from companion.inference.backends.rows import RowsBackend
from companion.inference.backends.writing import WritingBackend
from companion.inference.decoding.choosing import DecodeSettings, Take
from companion.inference.decoding.following import Cancel, RunStats
from companion.inference.decoding.together import PromptRun, run_parts
from companion.inference.decoding.token_loop import PromptRunner
from companion.inference.decoding.writer import OnBar, OnNote
from companion.inference.engine import InferenceEngine
from companion.inference.live.choice import score
from companion.inference.live.job import LiveJob, LiveResult, LiveTake
from companion.inference.live.layout import Part, Together, live_request, stages, track_order, voice_limit
from companion.inference.prompts.prompt import Prompt, WindowRequest, build_prompt
from companion.inference.requests.planner import Cell
from companion.inference.requests.validation import resolve_mask_mode
from companion.inference.steering.harmony import pitch_bias
from companion.inference.steering.variety import variety_bias
from companion.music.score import Note, Score

# Strength of the push towards the pitch classes of the whole bar, per unit of the harmony dial, when no chord is known.
WHOLE_BAR = 2.0
DEFAULT_TOGETHER: Together = "alone"


class LiveInfill:
    """Serves jobs on one engine, one at a time, from one thread."""

    def __init__(self, engine: InferenceEngine, together: Together = DEFAULT_TOGETHER) -> None:
        """together: see `layout.Together`; a backend that cannot decode parts in one batch writes them one by one."""
        self.engine = engine
        self.together: Together = together if isinstance(engine.backend, RowsBackend | WritingBackend) else "alone"
        self._runner: PromptRunner = engine.runner

    def warm_up(self) -> None:
        """Run the model once, so that the first job does not have to wait for one-time work."""
        self._runner.warm_up()

    def forget(self) -> None:
        """Empty the caches. The next job must feed its whole prompt."""
        self._runner.forget()

    def prefill(self, job: LiveJob, cancel: Cancel | None = None) -> RunStats:
        """Feed the known tokens of the job: the skeletons of all its parts, in order.

        Raises GenerationCancelled between chunks of 128 tokens; the tokens fed by then are kept and used.
        """
        parts = [
            self._runner.prefill(self._prepare(part.job)[0], cancel, part.slot)
            for stage in stages(job, self.together)
            for part in stage
        ]
        return RunStats(
            prefill_ms=sum(part.prefill_ms for part in parts),
            reused_tokens=sum(part.reused_tokens for part in parts),
            new_tokens=sum(part.new_tokens for part in parts),
        )

    def generate(
        self, job: LiveJob, on_note: OnNote | None = None, on_bar: OnBar | None = None, cancel: Cancel | None = None
    ) -> LiveResult:
        """Generate all targets, streaming on_note(track, bar, note, take) and on_bar(track, bar, take).

        Notes are on the window's grid, and tracks and bars are numbered within the window. Raises GenerationCancelled within one
        forward pass after cancel() returns true, GenerationError when the model fails, and TokenizerError for music that the
        vocabulary cannot express.
        """
        window = job.window
        results: list[LiveResult] = []
        for stage in stages(job, self.together):
            parts = [replace(part, job=replace(part.job, window=window)) for part in stage]
            if job.ranked:
                results.append(self._generate_ranked(job, parts[0], on_note, on_bar, cancel))
            else:
                results.append(self._generate_stage(job, parts, on_note, on_bar, cancel))
            window = _with_bars(window, results[-1].takes[0].bars, job.forced)
        return results[0] if len(results) == 1 else _sum(results)

    def _generate_stage(
        self, job: LiveJob, parts: list[Part], on_note: OnNote | None, on_bar: OnBar | None, cancel: Cancel | None
    ) -> LiveResult:
        """Write the parts of a stage. Their windows hold the bars that earlier stages wrote."""
        numbers = range(job.first_take, job.first_take + job.takes)
        prepared = [self._prepare(part.job) for part in parts]
        runs: list[PromptRun] = []
        for part, (prompt, request, order, _) in zip(parts, prepared, strict=True):
            settings = _settings(part.job, part.number, self._bias(part.job, job))
            leading = _leading(part.job, prompt, order)
            settings = replace(settings, **leading, **self._openings(part.job, prompt, order))
            heard = _renumbered(on_note, order), _renumbered(on_bar, order)
            runs.append(PromptRun(prompt, request, settings, numbers, *heard, slot=part.slot))
        found, stats = run_parts(self._runner, runs, cancel)
        orders = [order for _, _, order, _ in prepared]
        takes = tuple(_merged([takes[at] for takes in found], orders) for at in range(job.takes))
        return LiveResult(
            takes=takes,
            prompt_tokens=sum(len(prompt.masked.ids) for prompt, _, _, _ in prepared),
            prefill_ms=stats.prefill_ms,
            first_note_ms=stats.first_note_ms,
            total_ms=stats.prefill_ms + stats.decode_ms,
            reused_tokens=stats.reused_tokens,
            new_tokens=stats.new_tokens,
            generated_tokens=stats.generated_tokens,
            forward_calls=stats.forward_calls,
            dropped_tracks=tuple(dict.fromkeys(track for _, _, _, dropped in prepared for track in dropped)),
        )

    def _generate_ranked(
        self, job: LiveJob, part: Part, on_note: OnNote | None, on_bar: OnBar | None, cancel: Cancel | None
    ) -> LiveResult:
        """Write the candidates for one part and return them best first. Nothing is reported before all are written and ranked."""
        result = self._generate_stage(job, [part], None, None, cancel)
        takes = sorted(result.takes, key=lambda take: -_total(part.job, take))
        for number, take in enumerate(takes):
            for (track, bar), notes in take.bars.items():
                if on_note is not None:
                    for note in notes:
                        on_note(track, bar, note, number)
                if on_bar is not None:
                    on_bar(track, bar, number)
        return replace(result, takes=tuple(takes), first_note_ms=result.total_ms)

    def _bias(self, part: LiveJob, job: LiveJob) -> npt.NDArray[np.float32] | None:
        """The bias [vocab] that the harmony and variety dials add to the logits for a part's whole bar; None for no bias."""
        vocabulary, target = self.engine.tokenizer.vocabulary, part.targets[0]
        leaning = None
        if part.chords is None:
            ours = {track for track, _ in job.targets}
            trusted = [track for track in range(len(part.window.tracks)) if track not in ours]
            leaning = pitch_bias(part.window, target, trusted, vocabulary, WHOLE_BAR * part.harmony, part.expected)
        leaving = variety_bias(part.window, target, vocabulary, part.variety)
        return leaning if leaving is None else leaving if leaning is None else leaning + leaving

    def _openings(self, job: LiveJob, prompt: Prompt, order: list[int]) -> dict[str, Any]:
        """Settings for a job with notes that already stand: the fills begin with them, and the limits must allow them."""
        if not job.forced and job.from_beat <= 0:
            return {}
        window, tokenizer = job.window, self.engine.tokenizer
        openings: list[tuple[int, ...]] = []
        most_together = most = 0
        for number, bar in prompt.targets:
            track = window.tracks[order[number]]
            notes = tuple(sorted(job.forced.get(order[number], ()), key=lambda note: (note.onset_ticks, note.pitch)))
            openings.append(
                tokenizer.fill_tokens(replace(track.bars[bar], notes=notes), window.resolution, track.is_drum)
            )
            most = max(most, len(notes))
            most_together = max([most_together, *Counter(note.onset_ticks for note in notes).values()])
        polyphony, density = voice_limit(job), job.density_hard_limit
        return {
            "openings": tuple(openings),
            "from_tick": ceil(job.from_beat * tokenizer.config.resolution),
            # The notes that stand may exceed a limit; they must still be accepted.
            "polyphony_hard_limit": max(polyphony, most_together) if polyphony else 0,
            "density_hard_limit": max(density, most + 1) if density else 0,
        }

    def _prepare(self, job: LiveJob) -> tuple[Prompt, WindowRequest, list[int], tuple[int, ...]]:
        """The job's prompt in its own track order. Context tracks are dropped, in that order, until it fits."""
        mode = resolve_mask_mode(job.mask_mode, self.engine.tokenizer.vocabulary)
        if not self.engine.checkpoint.chord_guide:
            job = replace(job, guide=None)
        order = track_order(job)
        keep = {track for track, _ in job.targets}
        dropped: list[int] = []
        while True:
            request = live_request(job, order, mode)
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


def _leading(job: LiveJob, prompt: Prompt, order: list[int]) -> dict[str, Any]:
    """What the targets are asked for in writing order, where the player leads them."""
    if not job.paces and not job.avoided:
        return {}
    tracks = [order[number] for number, _ in prompt.targets]
    return {
        "paces": tuple(job.paces.get(track) for track in tracks),
        "avoided": tuple(job.avoided.get(track) for track in tracks),
    }


def _settings(job: LiveJob, step: int, bias: npt.NDArray[np.float32] | None) -> DecodeSettings:
    return DecodeSettings(
        job.sampling,
        seed=job.seed,
        step=step,
        allow_rests=job.allow_rests,
        polyphony_hard_limit=voice_limit(job),
        density_hard_limit=job.density_hard_limit,
        bias=bias,
        chords=job.chords,
        harmony=job.harmony,
        weighed=job.ranked,
    )


def _merged(takes: list[Take], orders: list[list[int]]) -> LiveTake:
    """Join the same take of every part of a stage into one, in the window's track numbers."""
    return LiveTake(
        {
            (order[track], bar): tuple(notes)
            for take, order in zip(takes, orders, strict=True)
            for (track, bar), notes in take.writer.bars.items()
        },
        tuple(token for take in takes for token in take.ids),
        all(take.finished for take in takes),
        sum(take.log_likelihood for take in takes) / max(sum(take.choices for take in takes), 1),
    )


def _total(job: LiveJob, take: LiveTake) -> float:
    """The score of one candidate, summed over the part's bars. A candidate that was cut off ranks last."""
    if not take.finished:
        return -inf
    window = job.window
    total = 0.0
    for (track, bar), notes in take.bars.items():
        drums = window.tracks[track].is_drum
        others = (
            []
            if drums
            else [
                other.bars[bar]
                for number, other in enumerate(window.tracks)
                if number != track
                and not other.is_drum
                and number not in job.chord_tracks
                and (number, bar) not in job.hidden
            ]
        )
        before = window.tracks[track].bars[bar - 1] if bar else None
        chords = None if drums else job.chords
        around = frozenset[int]() if drums else _sounding(job, track, bar)
        total += score(notes, take.likelihood, window.resolution, chords, others, before, around).total
    return total


def _sounding(job: LiveJob, track: int, bar: int) -> frozenset[int]:
    """Pitch classes that the other parts sound in a bar and the one before it, as far as the job shows these."""
    return frozenset(
        note.pitch % 12
        for number, other in enumerate(job.window.tracks)
        if number != track and not other.is_drum and number not in job.chord_tracks
        for at in range(max(0, bar - 1), bar + 1)
        if (number, at) not in job.hidden
        for note in other.bars[at].notes
    )


def _with_bars(window: Score, bars: Mapping[Cell, tuple[Note, ...]], standing: Mapping[int, tuple[Note, ...]]) -> Score:
    """The window with the notes of these bars inserted, after the notes of the same track that stand."""
    for (number, bar), written in bars.items():
        track = window.tracks[number]
        notes = (*standing.get(number, ()), *written)
        window = window.with_track(number, track.with_bar(bar, replace(track.bars[bar], notes=notes)))
    return window


def _side_by_side(takes: list[LiveTake]) -> LiveTake:
    """Join one take of each stage into one take of the job."""
    return LiveTake(
        {cell: notes for take in takes for cell, notes in take.bars.items()},
        tuple(token for take in takes for token in take.ids),
        all(take.finished for take in takes),
        # Each stage weighs its own part, so the take of all parts has their mean.
        sum(take.likelihood for take in takes) / len(takes),
    )


def _sum(parts: list[LiveResult]) -> LiveResult:
    """Join the results and the cost of a job's stages. The first note comes from the first stage that wrote one."""
    before = 0.0
    first_note = None
    for part in parts:
        if part.first_note_ms is not None:
            first_note = before + part.first_note_ms
            break
        before += part.total_ms
    return LiveResult(
        takes=tuple(_side_by_side([part.takes[at] for part in parts]) for at in range(len(parts[0].takes))),
        prompt_tokens=sum(part.prompt_tokens for part in parts),
        prefill_ms=sum(part.prefill_ms for part in parts),
        first_note_ms=first_note,
        total_ms=sum(part.total_ms for part in parts),
        reused_tokens=sum(part.reused_tokens for part in parts),
        new_tokens=sum(part.new_tokens for part in parts),
        generated_tokens=sum(part.generated_tokens for part in parts),
        forward_calls=sum(part.forward_calls for part in parts),
        dropped_tracks=tuple(sorted({track for part in parts for track in part.dropped_tracks})),
    )


def _renumbered(callback: Callable[..., None] | None, order: list[int]) -> Callable[..., None] | None:
    """Wrap the callback so that it gets the window's own track numbers."""
    if callback is None:
        return None

    def renumbered(track: int, *rest: Any) -> None:
        callback(order[track], *rest)

    return renumbered
