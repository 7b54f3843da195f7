"""The GPU engine's code on a CPU: agrees with the reference, and its device-side grammar and draws with the host's."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from companion.errors import GenerationError
from companion.inference.backends.cuda import CudaBackend
from companion.inference.backends.cuda_sampling import DeviceSampler, InfillRules
from companion.inference.backends.reference import ReferenceBackend
from companion.inference.sampling import SamplingOptions, make_generator, sample
from companion.music.meter import TimeSignature
from companion.tokenizer import Tokenizer
from companion.tokenizer.grammar import WrittenBar


@pytest.fixture(scope="module")
def engines(make_checkpoint):
    checkpoint = make_checkpoint(positions=600)
    return CudaBackend.from_checkpoint(checkpoint, "cpu"), ReferenceBackend.from_checkpoint(checkpoint)


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.load("ghost")


def test_agrees_with_the_reference_across_a_bucket(engines) -> None:
    ids = np.random.default_rng(0).integers(0, 600, (2, 262))
    positions = np.tile(np.r_[0:100, 140:302], (2, 1))
    caches = [engine.new_cache(2) for engine in engines]
    for piece in (slice(0, 200), slice(200, 254), *(slice(at, at + 1) for at in range(254, 262))):
        ours, theirs = (e.forward(c, ids[:, piece], positions[:, piece]) for e, c in zip(engines, caches, strict=True))
        np.testing.assert_allclose(ours, theirs, atol=1e-3)
    np.testing.assert_array_equal(caches[0].tokens, (ids[0], positions[0]))


def test_a_fork_and_a_cut_cache_go_on_as_if_nothing_had_been(engines) -> None:
    engine, _ = engines
    ids, positions = np.arange(30)[None], np.arange(30)[None]
    cache = engine.new_cache()
    engine.forward(cache, ids[:, :20], positions[:, :20])
    takes = engine.fork(cache, 2)
    expected = engine.forward(cache, ids[:, 20:], positions[:, 20:])
    cache.truncate(20)
    np.testing.assert_allclose(engine.forward(cache, ids[:, 20:], positions[:, 20:]), expected, atol=1e-5)
    both = engine.forward(takes, np.tile(ids[:, 20:], (2, 1)), np.tile(positions[:, 20:], (2, 1)))
    np.testing.assert_allclose(both, np.tile(expected, (2, 1)), atol=1e-5)


OPTIONS = [
    SamplingOptions(),
    SamplingOptions(temperature=0.7, top_p=0.9),
    SamplingOptions(top_k=5),
    SamplingOptions(top_k=1),
]


@pytest.mark.parametrize("options", OPTIONS, ids=["plain", "nucleus", "top 5", "greedy"])
@pytest.mark.parametrize("limits", [{}, {"density_hard_limit": 6, "polyphony_hard_limit": 2, "allow_rests": False}])
def test_the_device_chooses_what_the_host_chooses(engines, tokenizer, options, limits) -> None:
    engine, _ = engines
    bars = (WrittenBar(False), WrittenBar(True, TimeSignature(7, 8)))
    prompt, limit, seeds = np.arange(40)[None], 150, (4, 5, 6)
    uniforms = np.stack([make_generator(seed).random(limit) for seed in seeds])
    sampler = DeviceSampler(tokenizer.grammar, InfillRules(bars, **limits), options, uniforms, torch.device("cpu"))
    cache = engine.new_cache()
    engine.forward(cache, prompt[:, :-1], prompt[:, :-1])
    rows: list[list[int]] = [[], [], []]
    for fresh in engine.generate(engine.fork(cache, 3), 39, 39, 40, sampler):
        for row, new in zip(rows, fresh, strict=True):
            row.extend(new)
    for row, seed in zip(rows, seeds, strict=True):
        cache.truncate(39)
        assert row == host_loop(engine, cache, tokenizer, bars, limits, options, seed, limit)


def host_loop(engine, cache, tokenizer, bars, limits, options, seed, limit) -> list[int]:
    state = tokenizer.grammar.start_infill(bars, **limits)
    random, token, written = make_generator(seed), 39, []
    while not state.done and len(written) < limit:
        logits = engine.forward(cache, np.array([[token]]), np.array([[39 + len(written)]]))[0]
        token = sample(logits, state.legal(), options, None, random)
        state.advance(token)
        written.append(token)
    return written


def test_a_cancelled_generation_stops(engines, tokenizer) -> None:
    engine, _ = engines
    cache = engine.new_cache()
    engine.forward(cache, np.arange(9)[None], np.arange(9)[None])
    uniforms = np.zeros((1, 300)) + 0.5
    sampler = DeviceSampler(
        tokenizer.grammar, InfillRules((WrittenBar(False),) * 9), SamplingOptions(), uniforms, torch.device("cpu")
    )
    assert len(list(engine.generate(cache, 9, 9, 10, sampler, cancelled=lambda: True))) == 1
    assert cache.length == 9


def test_a_restarted_sampler_writes_what_a_new_one_writes(engines, tokenizer) -> None:
    engine, _ = engines
    cache = engine.new_cache()
    engine.forward(cache, np.arange(9)[None], np.arange(9)[None])
    first, second = InfillRules((WrittenBar(False),)), InfillRules((WrittenBar(True, TimeSignature(3, 4)),))
    uniforms = np.random.default_rng(3).random((2, 1, 80))

    def written(sampler: DeviceSampler) -> list[int]:
        return [token for fresh in engine.generate(cache, 9, 9, 10, sampler) for token in fresh[0]]

    used, new = (
        DeviceSampler(tokenizer.grammar, rules, SamplingOptions(), draws, torch.device("cpu"))
        for rules, draws in zip((first, second), uniforms, strict=True)
    )
    assert written(used)
    used.restart(second, uniforms[1])
    assert written(used) == written(new)
    with pytest.raises(GenerationError, match="shape"):
        used.restart(InfillRules(first.targets * 2), uniforms[0])


def test_bad_input_is_refused_before_it_reaches_the_device(engines) -> None:
    engine, _ = engines
    cache = engine.new_cache()
    for ids, positions in (([[650]], [[0]]), ([[1]], [[600]]), ([[1, 2]], [[0]])):
        with pytest.raises(GenerationError):
            engine.forward(cache, np.array(ids), np.array(positions))
    assert cache.length == 0


def test_without_a_gpu_the_engine_says_so(make_checkpoint) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(GenerationError, match="NVIDIA"):
        CudaBackend.from_checkpoint(make_checkpoint())
