"""Measures what a token costs besides the model: grammar, steering, filters, draw, and turning tokens into notes, all on the host.

It writes bars with an engine that computes nothing and answers every call with prepared logits, so that
all the time is spent on the host's work.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from statistics import median
from time import perf_counter

import numpy as np

from companion.harmony.spans import ChordSpan
from companion.harmony.symbols import parse_chord
from companion.inference.backends.base import Cache, Ids, Logits
from companion.inference.decoding.choosing import DecodeSettings
from companion.inference.decoding.sampling import SamplingOptions
from companion.inference.decoding.token_loop import PromptRunner
from companion.inference.prompts.prompt import WindowRequest, build_prompt
from companion.tokenizer import Tokenizer

BARS = 12
NOTES_A_BAR = 15
_PREPARED = 64
_CHORDS = (ChordSpan(0, 2, parse_chord("Dm7")), ChordSpan(2, 2, parse_chord("G7")))


@dataclass(slots=True)
class _NoCache:
    """A cache that only counts."""

    batch: int
    length: int = 0
    _ids: list[int] = field(default_factory=list)

    @property
    def tokens(self) -> tuple[Ids, Ids]:
        ids = np.array(self._ids[: self.length], dtype=np.int64)
        return ids, np.full_like(ids, -1)

    def truncate(self, length: int) -> None:
        self.length = length


class NoModel:
    """A backend that answers at once with prepared logits. See `Backend`."""

    name = "none"

    def __init__(self, vocab_size: int, n_positions: int = 4096) -> None:
        self.vocab_size = vocab_size
        self.n_positions = n_positions
        self._answers = np.random.default_rng(1).normal(0, 3, (_PREPARED, vocab_size)).astype(np.float32)
        self._calls = 0

    def new_cache(self, batch: int = 1) -> _NoCache:
        return _NoCache(batch)

    def forward(self, cache: Cache, ids: Ids, positions: Ids) -> Logits:
        assert isinstance(cache, _NoCache)
        cache.length += ids.shape[1]
        self._calls += 1
        answer = self._answers[self._calls % _PREPARED]
        return np.broadcast_to(answer, (ids.shape[0], self.vocab_size))

    def append(self, cache: Cache, source: Cache, start: int, end: int) -> None:
        assert isinstance(cache, _NoCache)
        cache.length += end - start

    def close(self) -> None:
        """Nothing is held."""


def host_ms_a_token(tokenizer: Tokenizer, request: WindowRequest, steered: bool) -> float:
    """Milliseconds of a token on the host; the median of `BARS` bars.

    steered: with a limit of voices, lengths and chords asked for, as a shipped preset's bass has in practice.
    """
    if steered:
        track = request.targets[0][0]
        request = replace(request, asked={track: {"max_polyphony": 0, "min_note_duration": 2}})
    settings = DecodeSettings(
        SamplingOptions(top_p=0.95),
        allow_rests=False,
        density_hard_limit=NOTES_A_BAR,
        chords=_CHORDS if steered else None,
        harmony=0.5 if steered else 0.0,
    )
    prompt = build_prompt(tokenizer, request)
    runner = PromptRunner(NoModel(tokenizer.vocabulary.size), tokenizer)
    found = []
    for number in range(BARS + 1):
        started = perf_counter()
        takes, stats = runner.run(prompt, request, replace(settings, seed=number))
        elapsed_ms = (perf_counter() - started) * 1000 - stats.prefill_ms
        found.append(elapsed_ms / max(len(takes[0].ids), 1))
    return median(found[1:])
