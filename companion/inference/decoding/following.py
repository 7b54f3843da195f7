"""Lets a backend write by itself, and takes its tokens as they arrive. Also says when the host must choose the tokens instead.

This module knows the interface of such backends (`backends.writing`) and takes, but no cache.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from companion.errors import GenerationCancelled, GenerationError, TokenizerError
from companion.inference.backends.writing import Infill, PromptEnd, Writing, WritingBackend
from companion.inference.decoding.choosing import DecodeSettings, Take
from companion.inference.decoding.sampling import make_generator
from companion.inference.prompts.prompt import Prompt, WindowRequest
from companion.tokenizer.attributes import SPECS
from companion.tokenizer.grammar import WrittenBar

Cancel = Callable[[], bool]


@dataclass(slots=True)
class RunStats:
    """The cost of one run. reused_tokens were in the cache, and new_tokens were prefilled."""

    prefill_ms: float = 0.0
    decode_ms: float = 0.0
    first_note_ms: float | None = None
    reused_tokens: int = 0
    new_tokens: int = 0
    generated_tokens: int = 0
    forward_calls: int = 0


def check(cancel: Cancel | None) -> None:
    """Raise GenerationCancelled if the caller wants to stop."""
    if cancel is not None and cancel():
        raise GenerationCancelled("generation was cancelled")


def written_bars(prompt: Prompt, request: WindowRequest) -> tuple[WrittenBar, ...]:
    """The prompt's targets as the grammar sees them, in writing order."""
    found: list[WrittenBar] = []
    for track, bar in prompt.targets:
        music = request.window.tracks[track]
        wanted = {**request.attributes.get(track, {}), **request.bar_attributes.get((track, bar), {})}
        levels = [
            (SPECS[name].token_type, level)
            for name, level in wanted.items()
            if level is not None and SPECS[name].per_bar and SPECS[name].applies_to(music.is_drum)
        ]
        style = request.style
        meter = music.bars[bar].time_signature
        found.append(WrittenBar(music.is_drum, meter, tuple(levels), style.velocity, style.microtiming))
    return tuple(found)


def prompt_end(prompt: Prompt) -> PromptEnd:
    """The prompt's last token, which the backend feeds itself."""
    return PromptEnd(int(prompt.masked.ids[-1]), int(prompt.masked.positions[-1]), prompt.next_position)


def infill_of(
    rows: Sequence[Take], prompt: Prompt, request: WindowRequest, settings: DecodeSettings, tokens: int
) -> Infill:
    """What a backend needs to write these takes, each with the random numbers for `tokens` tokens."""
    steering = rows[0].steering
    streams = (make_generator(settings.seed, settings.attempt, settings.step, row.number) for row in rows)
    return Infill(
        targets=written_bars(prompt, request),
        uniforms=np.stack([stream.random(2 * tokens) for stream in streams]),
        options=settings.sampling,
        allow_rests=settings.allow_rests,
        polyphony_hard_limit=settings.polyphony_hard_limit,
        density_hard_limit=settings.density_hard_limit,
        bias=settings.bias,
        openings=settings.openings,
        from_tick=settings.from_tick,
        weighed=settings.weighed,
        pushes=() if steering is None else tuple(steering.pushes(number) for number in range(len(prompt.targets))),
    )


def refusals(backend: WritingBackend, request: WindowRequest, infill: Infill) -> list[str]:
    """Why the host must choose the tokens of this request, one wait a token; none if the backend can write them."""
    if request.autoregressive:
        return ["whole tracks are written from nothing"]
    return backend.refusals(infill)


def writable(
    backend: object,
    rows: Sequence[Take],
    prompt: Prompt,
    request: WindowRequest,
    settings: DecodeSettings,
    tokens: int,
) -> Infill | None:
    """The infill for a backend that can write it by itself, else None. tokens: see `infill_of`."""
    if not isinstance(backend, WritingBackend):
        return None
    infill = infill_of(rows, prompt, request, settings, tokens)
    return None if refusals(backend, request, infill) else infill


def follow(writing: Writing, rows: Sequence[Take], stats: RunStats, cancel: Cancel | None) -> None:
    """Let the backend write these rows, and take its tokens as they arrive."""
    check(cancel)
    for written in writing.run():
        for row, tokens, (nats, choices) in zip(rows, written.tokens, written.weights, strict=True):
            row.log_likelihood, row.choices = float(nats), int(choices)
            for token in tokens:
                try:
                    row.follow(token)
                except TokenizerError as error:
                    raise GenerationError(f"the model failed: {error}") from error
        stats.forward_calls += max(map(len, written.tokens))
        check(cancel)
