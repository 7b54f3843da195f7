"""The token loop: prompt in, bars out, for one or several takes at once, streaming notes and stoppable between tokens.

Keeps one warm cache: a prompt that begins like the last one costs only what differs. Tokens that the grammar forces are not
waited for: they are fed together with the next token that has to be chosen. Knows windows and tokens; no attempts, checks
or scores (`engine`, `live`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter

import numpy as np
import numpy.typing as npt

from companion.errors import GenerationCancelled
from companion.inference.backends.base import Backend, Cache, Ids, Logits
from companion.inference.prompt import Prompt, WindowRequest
from companion.inference.sampling import SamplingOptions, chance_of, make_generator, sample
from companion.inference.steering import Steering
from companion.inference.writer import BarWriter, OnBar, OnNote
from companion.tokenizer import Tokenizer, TokenType
from companion.tokenizer.grammar import Grammar, GrammarState, Mask, WrittenBar

PREFILL_CHUNK = 128  # tokens between two looks at `cancel`
_CONTENT_TYPES = (
    TokenType.TIME_ABSOLUTE_POS,
    TokenType.NOTE_ONSET,
    TokenType.NOTE_DURATION,
    TokenType.VELOCITY_LEVEL,
    TokenType.DELTA,
    TokenType.DELTA_DIRECTION,
)

Cancel = Callable[[], bool]


@dataclass(frozen=True, slots=True)
class DecodeSettings:
    """How tokens are chosen. seed, attempt and step, with a take's number, fix its random numbers. bias [vocab]: added to
    the logits of every step."""

    sampling: SamplingOptions = field(default_factory=SamplingOptions)
    seed: int = 0
    attempt: int = 0
    step: int = 0
    allow_rests: bool = True
    polyphony_hard_limit: int = 0
    density_hard_limit: int = 0
    bias: npt.NDArray[np.float32] | None = None


@dataclass
class Take:
    """One candidate: its tokens, and the bars it wrote on the window's grid. `finished` is False where the model's context ended."""

    number: int
    state: GrammarState
    random: np.random.Generator
    writer: BarWriter
    steering: Steering | None = None
    ids: list[int] = field(default_factory=list)
    pending: list[int] = field(default_factory=list)
    finished: bool = False
    stopped: bool = False

    def accept(self, token: int) -> None:
        """Take a token and all that it forces."""
        following: int | None = token
        while following is not None:
            self.state.advance(following)
            self.ids.append(following)
            self.pending.append(following)
            self.writer.push(following)
            if self.steering is not None:
                self.steering.push(following)
            following = self.state.forced()
        if self.state.done:
            self.finished = self.stopped = True


@dataclass(slots=True)
class RunStats:
    """What one run cost. reused_tokens were in the cache, new_tokens were prefilled."""

    prefill_ms: float = 0.0
    decode_ms: float = 0.0
    first_note_ms: float | None = None
    reused_tokens: int = 0
    new_tokens: int = 0
    generated_tokens: int = 0
    forward_calls: int = 0


def common_prefix(cache: Cache, ids: Ids, positions: Ids) -> int:
    """How many of these tokens the cache already holds, from the start."""
    held_ids, held_positions = cache.tokens
    length = min(len(held_ids), len(ids))
    different = np.flatnonzero((held_ids[:length] != ids[:length]) | (held_positions[:length] != positions[:length]))
    return int(different[0]) if len(different) else length


class PromptRunner:
    """Runs prompts on one backend for one vocabulary, with one warm cache. For one thread at a time."""

    def __init__(self, backend: Backend, tokenizer: Tokenizer) -> None:
        self.backend = backend
        self.tokenizer = tokenizer
        self._grammar = Grammar(tokenizer.vocabulary)  # also where the tokenizer is a legacy one, whose own derails
        self._content = np.zeros(tokenizer.vocabulary.size, dtype=bool)
        for token_type in _CONTENT_TYPES:
            first, size = tokenizer.vocabulary.domains.get(token_type, (0, 0))
            self._content[first : first + size] = True
        ends = (TokenType.FILL_IN_END, TokenType.BAR_END)
        self._ends = np.array([tokenizer.vocabulary.id(end) for end in ends if end in tokenizer.vocabulary])
        self._cache = backend.new_cache()

    def forget(self) -> None:
        """Empty the cache."""
        self._cache.truncate(0)

    def room(self, prompt: Prompt) -> int:
        """Tokens that can be generated after the prompt; <= 0 when it does not fit the model at all."""
        return self.backend.n_positions - prompt.next_position

    def prefill(self, prompt: Prompt, length: int | None = None, cancel: Cancel | None = None) -> RunStats:
        """Bring the cache to the first `length` fed tokens (default: all but the last), in chunks.

        Raises GenerationCancelled between chunks; what was fed by then stays useful.
        """
        ids, positions = prompt.masked.ids, prompt.masked.positions
        end = min(len(ids) - 1 if length is None else length, len(ids) - 1)
        started = perf_counter()
        reused = min(common_prefix(self._cache, ids, positions), end)
        self._cache.truncate(reused)
        for start in range(reused, end, PREFILL_CHUNK):
            _check(cancel)
            chunk = slice(start, min(start + PREFILL_CHUNK, end))
            self.backend.forward(self._cache, ids[None, chunk], positions[None, chunk])
        elapsed = (perf_counter() - started) * 1000
        return RunStats(prefill_ms=elapsed, reused_tokens=reused, new_tokens=end - reused)

    def run(
        self,
        prompt: Prompt,
        request: WindowRequest,
        settings: DecodeSettings,
        takes: Sequence[int] = (0,),
        on_note: OnNote | None = None,
        on_bar: OnBar | None = None,
        cancel: Cancel | None = None,
    ) -> tuple[list[Take], RunStats]:
        """Write the request's targets once per number in `takes`, as one batch.

        Raises GenerationCancelled when `cancel()` turns true (asked before every forward pass), GenerationError when the
        model fails. Notes and bars already handed to the callbacks stand.
        """
        stats = self.prefill(prompt, cancel=cancel)
        started = perf_counter()

        def noted(track: int, bar: int, note, take: int) -> None:
            if stats.first_note_ms is None:
                stats.first_note_ms = stats.prefill_ms + (perf_counter() - started) * 1000
            if on_note is not None:
                on_note(track, bar, note, take)

        rows = [self._new_take(number, prompt, request, settings, noted, on_bar) for number in takes]
        cache = self._cache if len(rows) == 1 else self.backend.fork(self._cache, len(rows))
        position = int(prompt.masked.positions[-1])
        self._decode(cache, rows, position, prompt.next_position, settings, stats, cancel)
        stats.decode_ms = (perf_counter() - started) * 1000
        stats.generated_tokens = sum(len(row.ids) for row in rows)
        return rows, stats

    def _new_take(
        self,
        number: int,
        prompt: Prompt,
        request: WindowRequest,
        settings: DecodeSettings,
        on_note: OnNote,
        on_bar: OnBar | None,
    ) -> Take:
        state = self._start_state(prompt, request, settings)
        random = make_generator(settings.seed, settings.attempt, settings.step, number)
        writer = BarWriter(self.tokenizer.vocabulary, request, prompt.targets, number, on_note, on_bar)
        steering = Steering.of(self.tokenizer.vocabulary, request, prompt.targets)
        take = Take(number, state, random, writer, steering, pending=[int(prompt.masked.ids[-1])])
        if (forced := state.forced()) is not None:
            take.accept(forced)
        return take

    def _start_state(self, prompt: Prompt, request: WindowRequest, settings: DecodeSettings) -> GrammarState:
        tracks = request.window.tracks
        bars = [WrittenBar(tracks[t].is_drum, tracks[t].bars[bar].time_signature) for t, bar in prompt.targets]
        limits = {
            "allow_rests": settings.allow_rests,
            "polyphony_hard_limit": settings.polyphony_hard_limit,
            "density_hard_limit": settings.density_hard_limit,
        }
        if not request.autoregressive:
            return self._grammar.start_infill(bars, **limits)
        track, first = prompt.targets[0]
        return self._grammar.start_autoregressive(
            bars, whole_track=first == 0, attributes=self._pinned(request.attributes.get(track, {})), **limits
        )

    def _pinned(self, levels: Mapping[str, int | None]) -> dict[TokenType, int]:
        types = {spec.name: spec.token_type for spec in self.tokenizer.config.attributes}
        return {types[name]: level for name, level in levels.items() if level is not None}

    def _decode(
        self,
        cache: Cache,
        rows: list[Take],
        position: int,
        next_position: int,
        settings: DecodeSettings,
        stats: RunStats,
        cancel: Cancel | None,
    ) -> None:
        """Feed what is pending and choose, until every row has stopped.

        Rows move in step: each pass feeds as many tokens as every unfinished row has waiting. The prompt's last token stands
        at `position`, which in a prompt that ends in hidden bars is not right before `next_position`.
        """
        limit = self.backend.n_positions
        fed = 0
        while active := [row for row in rows if not row.stopped]:
            _check(cancel)
            width = min(len(row.pending) for row in active)
            first = next_position + fed - 1
            if first + width > limit or cache.length + width > limit:
                for row in active:
                    row.stopped = True
                return
            ids, where = np.zeros((2, len(rows), width), dtype=np.int64)
            where[:] = np.arange(first, first + width)
            if fed == 0:
                where[:, 0] = position
            for index, row in enumerate(rows):
                if not row.stopped:
                    ids[index] = row.pending[:width]
            logits = self.backend.forward(cache, ids, where)
            stats.forward_calls += 1
            fed += width
            for index, row in enumerate(rows):
                if not row.stopped:
                    del row.pending[:width]
                    if not row.pending:
                        self._choose(row, logits[index], settings)

    def _choose(self, row: Take, logits: Logits, settings: DecodeSettings) -> None:
        legal = row.state.legal()
        if not legal.any():
            row.stopped = True
            return
        if row.state.may_rest:
            rests, legal = self._rests(row, logits, legal, settings.sampling)
            if rests is not None:
                row.accept(rests)
                return
        if settings.bias is not None:
            logits = logits + settings.bias
        if row.steering is not None and (push := row.steering.bias()) is not None:
            logits = logits + push
        row.accept(sample(logits, legal, settings.sampling, self._content, row.random))

    def _rests(self, row: Take, logits: Logits, legal: Mask, options: SamplingOptions) -> tuple[int | None, Mask]:
        """Whether the bar is a rest: its end, or None and what may begin it.

        Decided with the model's own probability: temperature and top_p are for how to play, and would cut off nearly every
        rest, the rarest thing a bar can begin with. Greedy decoding keeps the likeliest token.
        """
        end = int(self._ends[legal[self._ends]][0])
        playing = legal.copy()
        playing[end] = False
        if row.steering is not None and row.steering.must_sound:
            return None, playing
        if options.top_k == 1:
            return None, legal
        rests = row.random.random() < chance_of(end, logits, legal)
        return (end if rests else None), playing


def _check(cancel: Cancel | None) -> None:
    if cancel is not None and cancel():
        raise GenerationCancelled("generation was cancelled")
