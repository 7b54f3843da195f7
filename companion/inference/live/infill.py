"""Real-time use: one window after another on one warm cache, prefilled while the music is still being played.

A job carries everything it needs; nothing but the cache is kept between jobs, and the cache only ever saves work.

A job that asks for bars of several tracks is served one track after the other, each with its own prompt in which that track
stands last: a later track hears what the earlier ones have just been given, and a fill that follows right behind its own
track's past is what small models continue best (0.14 bits a token less than as one of several fills on held-out music, with
an early yellow; training leans on the same layout). Takes of several tracks share one prompt with all fills instead, since
each take would otherwise need a context of its own.

What can be saved is everything that is known a bar ahead. The bars being played, and what a request has just given to other
tracks, are late bars (`prompt`): nothing else in the prompt looks at them, so each part of a request has a skeleton that is
prefilled while the music plays, in a cache of its own, and at request time only late bars and fills are left: 30 to 150 tokens
of several thousand. Attributes do not count late bars, or each new note would change a token near the beginning.

Bars hidden by an attention mode cost nothing, since they are left out. Bars that slide by one change every token's position, so
the first prefill in a bar costs the whole skeleton; it has the whole bar's time. Keeping a window's start for several bars
(`layout.window_start`) saves the unchanged tracks, too, and lets the targets move to the right inside the window; it pays where
known backing tracks make up most of the prompt.

A chord guide, for models that were trained with one, stands behind everything else, so a chord that is known late, or changes,
costs its own 25 tokens and the few after them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from math import ceil
from typing import Any

import numpy as np
import numpy.typing as npt

from companion.errors import GenerationError
from companion.inference.decoding.choosing import DecodeSettings
from companion.inference.decoding.token_loop import Cancel, PromptRunner, RunStats
from companion.inference.decoding.writer import OnBar, OnNote
from companion.inference.engine import InferenceEngine
from companion.inference.live.job import LiveJob, LiveResult, LiveTake
from companion.inference.live.layout import live_request, single_tracks, track_order, voice_limit
from companion.inference.prompts.prompt import Prompt, WindowRequest, build_prompt
from companion.inference.requests.planner import Cell
from companion.inference.requests.validation import resolve_mask_mode
from companion.inference.steering.harmony import pitch_bias
from companion.inference.steering.variety import variety_bias
from companion.music.score import Note, Score


class LiveInfill:
    """Serves jobs on one engine, one at a time, from one thread."""

    def __init__(self, engine: InferenceEngine) -> None:
        self.engine = engine
        self._runner: PromptRunner = engine.runner

    def warm_up(self) -> None:
        """Run the model once, so that the first job does not pay for what the first run makes."""
        self._runner.warm_up()

    def forget(self) -> None:
        """Empty the cache; the next job pays for its whole prompt."""
        self._runner.forget()

    def prefill(self, job: LiveJob, cancel: Cancel | None = None) -> RunStats:
        """Feed what is known of the job: the skeletons of all its parts, the first part's first.

        Raises GenerationCancelled between chunks of 128 tokens; what has been fed by then is kept and used.
        """
        parts = [
            self._runner.prefill(self._prepare(part)[0], cancel, slot) for slot, part in enumerate(single_tracks(job))
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

        Notes are on the window's grid; tracks and bars the window's. Raises GenerationCancelled (within one forward pass of
        cancel() turning true), GenerationError when the model fails, TokenizerError for music that cannot be expressed.
        """
        window = job.window
        results: list[LiveResult] = []
        ours = {track for track, _ in job.targets}
        trusted = [track for track in range(len(window.tracks)) if track not in ours]
        for step, part in enumerate(single_tracks(job)):
            vocabulary = self.engine.tokenizer.vocabulary
            target = part.targets[0]
            leaning = None
            if part.chords is None:
                leaning = pitch_bias(window, target, trusted, vocabulary, part.harmony, part.expected)
            leaving = variety_bias(window, target, vocabulary, part.variety)
            bias = leaning if leaving is None else leaving if leaning is None else leaning + leaving
            part = replace(part, window=window)
            results.append(self._generate_part(part, step, bias, on_note, on_bar, cancel))
            window = _with_bars(window, results[-1].takes[0].bars, job.forced)
        return results[0] if len(results) == 1 else _sum(results)

    def _generate_part(
        self,
        job: LiveJob,
        number: int,
        bias: npt.NDArray[np.float32] | None,
        on_note: OnNote | None,
        on_bar: OnBar | None,
        cancel: Cancel | None,
    ) -> LiveResult:
        prompt, request, order, dropped = self._prepare(job)
        numbers = range(job.first_take, job.first_take + job.takes)
        heard = _renumbered(on_note, order), _renumbered(on_bar, order)
        settings = replace(_settings(job, number, bias), **self._openings(job, prompt, order))
        takes, stats = self._runner.run(prompt, request, settings, numbers, *heard, cancel, slot=number)
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

    def _openings(self, job: LiveJob, prompt: Prompt, order: list[int]) -> dict[str, Any]:
        """What a job's notes that stand change in the settings: how its fills begin, and limits that let them."""
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
            # What stands may be more than a limit allows; it may not be refused.
            "polyphony_hard_limit": max(polyphony, most_together) if polyphony else 0,
            "density_hard_limit": max(density, most + 1) if density else 0,
        }

    def _prepare(self, job: LiveJob) -> tuple[Prompt, WindowRequest, list[int], tuple[int, ...]]:
        """The job's prompt in its own track order; context tracks go, the first in that order first, until it fits."""
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
    )


def _with_bars(window: Score, bars: Mapping[Cell, tuple[Note, ...]], standing: Mapping[int, tuple[Note, ...]]) -> Score:
    """The window with these bars' notes in place, after those of the same track that stand."""
    for (number, bar), written in bars.items():
        track = window.tracks[number]
        notes = (*standing.get(number, ()), *written)
        window = window.with_track(number, track.with_bar(bar, replace(track.bars[bar], notes=notes)))
    return window


def _sum(parts: list[LiveResult]) -> LiveResult:
    """What the parts of one job cost and gave together; the first note is the first part's, or came after silent parts."""
    before = 0.0
    first_note = None
    for part in parts:
        if part.first_note_ms is not None:
            first_note = before + part.first_note_ms
            break
        before += part.total_ms
    bars = {cell: notes for part in parts for cell, notes in part.takes[0].bars.items()}
    ids = tuple(token for part in parts for token in part.takes[0].ids)
    return LiveResult(
        takes=(LiveTake(bars, ids, all(part.takes[0].finished for part in parts)),),
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
    """The callback with the window's own track numbers."""
    if callback is None:
        return None

    def renumbered(track: int, *rest: Any) -> None:
        callback(order[track], *rest)

    return renumbered
