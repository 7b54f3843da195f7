"""The token loop: prompt in, bars out, for one or several takes at once. It streams notes and can be stopped between tokens.

It keeps warm caches: a prompt that begins like the last one of its slot costs only the tokens that differ. Late bars are put
into a copy, between the parts of the prompt that were computed without them. Tokens that the grammar forces need no pass of
their own; they are fed together with the next chosen token. A backend that can write by itself does so (`following`). This module
knows windows and tokens; attempts, checks and scores belong to `engine` and `live`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from time import perf_counter

import numpy as np

from companion.inference.backends.base import Backend, Cache, Ids, fork
from companion.inference.backends.writing import WritingBackend
from companion.inference.decoding.choosing import Chooser, DecodeSettings, Take
from companion.inference.decoding.following import Cancel, RunStats, check, follow, prompt_end, writable, written_bars
from companion.inference.decoding.sampling import make_generator
from companion.inference.decoding.writer import BarWriter, OnBar, OnNote
from companion.inference.prompts.prompt import Prompt, WindowRequest
from companion.inference.steering.dials import Steering
from companion.tokenizer import Tokenizer, TokenType
from companion.tokenizer.grammar import Grammar, GrammarState

PREFILL_CHUNK = 128  # tokens between two checks of `cancel`


def common_prefix(cache: Cache, ids: Ids, positions: Ids) -> int:
    """How many of these tokens the cache already holds, from the start."""
    held_ids, held_positions = cache.tokens
    length = min(len(held_ids), len(ids))
    different = np.flatnonzero((held_ids[:length] != ids[:length]) | (held_positions[:length] != positions[:length]))
    return int(different[0]) if len(different) else length


class PromptRunner:
    """Runs prompts on one backend for one vocabulary. For one thread at a time.

    slot: which of the warm caches a prompt uses; prompts that follow each other in a slot should begin alike.
    """

    def __init__(self, backend: Backend, tokenizer: Tokenizer) -> None:
        self.backend = backend
        self.tokenizer = tokenizer
        self.grammar = Grammar(tokenizer.vocabulary)  # also for a legacy tokenizer, whose own grammar is too loose
        self.chooser = Chooser(tokenizer.vocabulary)
        self._caches: dict[int, Cache] = {}
        self._joined: Cache | None = None  # where prompts with late bars are put together

    def warm_up(self) -> None:
        """Run the model once, so that the first prompt need not wait for kernels to load or steps to be recorded."""
        cache = self.backend.new_cache()
        ids = np.zeros((1, 1), dtype=np.int64)
        for _ in range(3):
            self.backend.forward(cache, ids, ids + cache.length)
        if isinstance(self.backend, WritingBackend):
            self.backend.get_ready(self.grammar)

    def forget(self) -> None:
        """Empty the caches."""
        for cache in self._caches.values():
            cache.truncate(0)

    def _cache(self, slot: int) -> Cache:
        if slot not in self._caches:
            self._caches[slot] = self.backend.new_cache()
        return self._caches[slot]

    def _join(self) -> Cache:
        """The cache for prompts with late bars, empty."""
        if self._joined is None:
            self._joined = self.backend.new_cache()
        self._joined.truncate(0)
        return self._joined

    def room(self, prompt: Prompt) -> int:
        """Tokens that can be generated after the prompt; <= 0 when it does not fit the model at all."""
        return self.backend.n_positions - prompt.next_position

    def prefill(self, prompt: Prompt, cancel: Cancel | None = None, slot: int = 0) -> RunStats:
        """Fill the slot's cache with the prompt's skeleton except its last token, in chunks.

        Raises GenerationCancelled between chunks; the tokens fed by then stay in the cache.
        """
        known, cache = prompt.skeleton, self._cache(slot)
        end = len(known.ids) - 1
        started = perf_counter()
        reused = min(common_prefix(cache, known.ids, known.positions), end)
        cache.truncate(reused)
        self._feed(cache, known.ids[reused:end], known.positions[reused:end], cancel)
        elapsed = (perf_counter() - started) * 1000
        return RunStats(prefill_ms=elapsed, reused_tokens=reused, new_tokens=end - reused)

    def _feed(self, cache: Cache, ids: Ids, positions: Ids, cancel: Cancel | None) -> None:
        for start in range(0, len(ids), PREFILL_CHUNK):
            check(cancel)
            chunk = slice(start, start + PREFILL_CHUNK)
            self.backend.forward(cache, ids[None, chunk], positions[None, chunk])

    def complete(self, prompt: Prompt, cancel: Cancel | None, slot: int) -> tuple[Cache, RunStats]:
        """A cache that holds the prompt, with its late bars, except the last token. It is valid until the next call."""
        stats = self.prefill(prompt, cancel, slot)
        if not prompt.late.any():
            return self._cache(slot), stats
        started = perf_counter()
        cache, skeleton, taken = self._join(), self._cache(slot), 0
        edges = (np.flatnonzero(np.diff(prompt.late)) + 1).tolist()
        for start, end in zip([0, *edges], [*edges, len(prompt.late) - 1], strict=True):
            if prompt.late[start]:
                self._feed(cache, prompt.masked.ids[start:end], prompt.masked.positions[start:end], cancel)
                stats.new_tokens += end - start
            else:
                self.backend.append(cache, skeleton, taken, taken + end - start)
                taken += end - start
        stats.prefill_ms += (perf_counter() - started) * 1000
        return cache, stats

    def run(
        self,
        prompt: Prompt,
        request: WindowRequest,
        settings: DecodeSettings,
        takes: Sequence[int] = (0,),
        on_note: OnNote | None = None,
        on_bar: OnBar | None = None,
        cancel: Cancel | None = None,
        slot: int = 0,
    ) -> tuple[list[Take], RunStats]:
        """Write the request's targets once per number in `takes`, as one batch.

        Raises GenerationCancelled when `cancel()`, asked before every forward pass, returns true. Raises GenerationError when
        the model fails. Notes and bars already handed to the callbacks stand.
        """
        cache, stats = self.complete(prompt, cancel, slot)
        started = perf_counter()

        def noted(track: int, bar: int, note, take: int) -> None:
            if stats.first_note_ms is None:
                stats.first_note_ms = stats.prefill_ms + (perf_counter() - started) * 1000
            if on_note is not None:
                on_note(track, bar, note, take)

        rows = [self.new_take(number, prompt, request, settings, noted, on_bar) for number in takes]
        backend = self.backend
        infill = writable(backend, rows, prompt, request, settings, backend.n_positions)
        if infill is None or not isinstance(backend, WritingBackend):
            self._decode(cache, rows, prompt, settings, stats, cancel)
        else:
            for start in range(0, len(rows), backend.most_rows):
                some = slice(start, start + backend.most_rows)
                writing = backend.begin(self.grammar)
                writing.add(cache, prompt_end(prompt), replace(infill, uniforms=infill.uniforms[some]))
                follow(writing, rows[some], stats, cancel)
        stats.decode_ms = (perf_counter() - started) * 1000
        stats.generated_tokens = sum(len(row.ids) for row in rows)
        return rows, stats

    def new_take(
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
        steering = Steering.of(
            self.tokenizer.vocabulary,
            request,
            prompt.targets,
            settings.chords,
            settings.harmony,
            settings.paces,
            settings.avoided,
        )
        return Take(number, state, random, writer, steering, settings.openings)

    def _start_state(self, prompt: Prompt, request: WindowRequest, settings: DecodeSettings) -> GrammarState:
        bars = written_bars(prompt, request)
        limits = {
            "allow_rests": settings.allow_rests,
            "polyphony_hard_limit": settings.polyphony_hard_limit,
            "density_hard_limit": settings.density_hard_limit,
        }
        if not request.autoregressive:
            return self.grammar.start_infill(bars, **limits)
        track, first = prompt.targets[0]
        return self.grammar.start_autoregressive(
            bars, whole_track=first == 0, attributes=self._pinned(request.attributes.get(track, {})), **limits
        )

    def _pinned(self, levels: Mapping[str, int | None]) -> dict[TokenType, int]:
        specs = {spec.name: spec for spec in self.tokenizer.config.attributes if not spec.per_bar}
        return {specs[name].token_type: level for name, level in levels.items() if level is not None and name in specs}

    def _decode(
        self,
        cache: Cache,
        rows: list[Take],
        prompt: Prompt,
        settings: DecodeSettings,
        stats: RunStats,
        cancel: Cancel | None,
    ) -> None:
        """Feed the pending tokens and choose the next ones, until every row has stopped.

        Rows move in step: each pass feeds as many tokens as every unfinished row has waiting. The prompt's last token keeps its
        own position. In a prompt that ends in hidden bars, this is not the position right before `next_position`.
        """
        if len(rows) > 1:
            cache = fork(self.backend, cache, len(rows))
        for row in rows:
            row.pending.append(int(prompt.masked.ids[-1]))
            row.open_fill()
            row.accept(row.state.forced())
        limit = self.backend.n_positions
        fed = 0
        while active := [row for row in rows if not row.stopped]:
            check(cancel)
            width = min(len(row.pending) for row in active)
            first = prompt.next_position + fed - 1
            if first + width > limit or cache.length + width > limit:
                for row in active:
                    row.stopped = True
                return
            ids, where = np.zeros((2, len(rows), width), dtype=np.int64)
            where[:] = np.arange(first, first + width)
            if fed == 0:
                where[:, 0] = prompt.masked.positions[-1]
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
                        self.chooser.choose(row, logits[index], settings)
