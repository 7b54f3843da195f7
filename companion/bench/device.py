"""One bar on the GPU engine by its own way: steps that choose and feed themselves, tokens read a little behind."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from companion.bench.runners import NOTES_LIMIT, Sample
from companion.inference.decoding import PREFILL_CHUNK
from companion.inference.prompt import WindowRequest, build_prompt
from companion.inference.sampling import SamplingOptions, make_generator
from companion.tokenizer import Tokenizer
from companion.tokenizer.grammar import WrittenBar

if TYPE_CHECKING:
    from companion.inference.backends.cuda import CudaBackend
    from companion.inference.backends.cuda_sampling import DeviceSampler, InfillRules

LIMIT = 192  # tokens a bar at most


class DeviceRunner:
    """The GPU engine with grammar and draw on the device; on a CPU the same code step by step, for tests."""

    def __init__(self, backend: CudaBackend, tokenizer: Tokenizer) -> None:
        self.name = backend.name
        self.backend = backend
        self._tokenizer = tokenizer
        self._cache = backend.new_cache()
        self._sampler: DeviceSampler | None = None

    def bar(self, request: WindowRequest, seed: int) -> Sample:
        """See `Runner.bar`."""
        started = perf_counter()
        prompt = build_prompt(self._tokenizer, request)
        tracks = request.window.tracks
        bars = tuple(WrittenBar(tracks[t].is_drum, tracks[t].bars[bar].time_signature) for t, bar in prompt.targets)
        sampler = self._ready_sampler(bars, make_generator(seed).random((1, LIMIT)))
        encoded = perf_counter()
        ids, positions = prompt.masked.ids, prompt.masked.positions
        self._cache.truncate(0)
        for start in range(0, len(ids) - 1, PREFILL_CHUNK):
            piece = slice(start, min(start + PREFILL_CHUNK, len(ids) - 1))
            self.backend.forward(self._cache, ids[None, piece], positions[None, piece])
        filled = perf_counter()
        tokens = self.backend.generate(self._cache, int(ids[-1]), int(positions[-1]), prompt.next_position, sampler)
        count = sum(len(fresh[0]) for fresh in tokens)
        ended = perf_counter()
        parts = ((encoded - started) * 1000, (filled - encoded) * 1000, (ended - filled) * 1000)
        return Sample(len(prompt.ids), count, *parts)

    def _ready_sampler(self, bars: tuple[WrittenBar, ...], uniforms: np.ndarray) -> DeviceSampler:
        from companion.inference.backends.cuda_sampling import DeviceSampler, InfillRules

        rules: InfillRules = InfillRules(bars, allow_rests=False, density_hard_limit=NOTES_LIMIT)
        if self._sampler is None:
            grammar, options = self._tokenizer.grammar, SamplingOptions()
            self._sampler = DeviceSampler(grammar, rules, options, uniforms, self._cache.memory.device)
        else:
            self._sampler.restart(rules, uniforms)
        return self._sampler
