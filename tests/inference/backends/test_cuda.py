"""The GPU engine's code on a CPU: agrees with the reference, and its device-side grammar and draws with the host's."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from companion.bench.engines.material import make_score
from companion.errors import GenerationCancelled, GenerationError
from companion.harmony.spans import ChordSpan
from companion.harmony.symbols import parse_chord
from companion.inference.backends import select
from companion.inference.backends.base import fork
from companion.inference.backends.cuda.backend import CudaBackend
from companion.inference.backends.cuda.check import check
from companion.inference.backends.cuda.model import StaticModel
from companion.inference.backends.cuda.recording import Recorder
from companion.inference.backends.cuda.writing.sampling import DeviceSampler
from companion.inference.backends.reference import ReferenceBackend
from companion.inference.backends.writing import Infill, PromptEnd, Written
from companion.inference.decoding.choosing import Chooser, DecodeSettings, Take
from companion.inference.decoding.sampling import SamplingOptions, make_generator
from companion.inference.engine import InferenceEngine
from companion.inference.live import LiveInfill, LiveJob
from companion.music.meter import TimeSignature
from companion.music.score import Note
from companion.tokenizer import Tokenizer, TokenType
from companion.tokenizer.grammar import WrittenBar


@pytest.fixture(scope="module")
def engines(make_checkpoint):
    checkpoint = make_checkpoint(positions=POSITIONS)
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
    takes = fork(engine, cache, 2)
    expected = engine.forward(cache, ids[:, 20:], positions[:, 20:])
    cache.truncate(20)
    np.testing.assert_allclose(engine.forward(cache, ids[:, 20:], positions[:, 20:]), expected, atol=1e-5)
    both = engine.forward(takes, np.tile(ids[:, 20:], (2, 1)), np.tile(positions[:, 20:], (2, 1)))
    np.testing.assert_allclose(both, np.tile(expected, (2, 1)), atol=1e-5)


OPTIONS = {
    "plain": SamplingOptions(),
    "nucleus": SamplingOptions(temperature=0.7, top_p=0.9),
    "top 5": SamplingOptions(top_k=5),
    "greedy": SamplingOptions(top_k=1),
    "fewer favourites": SamplingOptions(mask_k=3),
    "fewer likely": SamplingOptions(temperature=1.3, top_k=40, mask_p=0.4),
    "all at once": SamplingOptions(temperature=0.9, top_k=60, top_p=0.95, mask_k=2, mask_p=0.1),
}
BARS = (WrittenBar(False), WrittenBar(True, TimeSignature(7, 8)))
POSITIONS = 600
PROMPT = (
    439  # tokens before the prompt's last one, so that what is written crosses from one bucket of rows into the next
)
LIMIT = POSITIONS - PROMPT  # tokens that fit after the prompt
NO_LIMITS, LOOSE = {}, {"density_hard_limit": 12}
TIGHT = {"density_hard_limit": 6, "polyphony_hard_limit": 2, "allow_rests": False}


def prompt_cache(engine, length: int = PROMPT):
    cache, ids = engine.new_cache(), np.arange(length)[None]
    engine.forward(cache, ids, ids)
    return cache


def written(engine, cache, grammar, infill: Infill) -> list[list[int]]:
    rows: list[list[int]] = [[] for _ in infill.uniforms]
    for fresh in started(engine, cache, grammar, PromptEnd(PROMPT, PROMPT, PROMPT + 1), infill):
        for row, new in zip(rows, fresh, strict=True):
            row.extend(new)
    return rows


def started(engine, cache, grammar, end: PromptEnd, infill: Infill):
    """The new tokens of each take, batch by batch."""
    writing = engine.begin(grammar)
    writing.add(cache, end, infill)
    return (found.tokens for found in writing.run())


def infill_of(seeds, bars=BARS, **rest) -> Infill:
    return Infill(bars, np.stack([make_generator(seed).random(1200) for seed in seeds]), **rest)


def host_loop(engine, cache, tokenizer, seed: int, infill: Infill) -> list[int]:
    """The same bars, chosen token by token as the host does it."""
    state = tokenizer.grammar.start_infill(
        infill.targets,
        allow_rests=infill.allow_rests,
        polyphony_hard_limit=infill.polyphony_hard_limit,
        density_hard_limit=infill.density_hard_limit,
    )
    settings = DecodeSettings(infill.options, bias=infill.bias)
    take = Take(0, state, make_generator(seed), Silent())
    chooser, fed = Chooser(tokenizer.vocabulary), PROMPT
    take.pending.append(PROMPT)
    while not take.finished and len(take.ids) < LIMIT:
        for token in take.pending:
            logits = engine.forward(cache, np.array([[token]]), np.array([[fed]]))[0]
            fed += 1
        take.pending.clear()
        chooser.choose(take, logits, settings)
    return take.ids[:LIMIT]


class Silent:
    """A writer of bars that nobody reads."""

    def push(self, token: int) -> None:
        pass


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize("limits", [NO_LIMITS, LOOSE, TIGHT], ids=["no limits", "loose", "tight"])
def test_the_device_chooses_what_the_host_chooses(engines, tokenizer, options, limits) -> None:
    engine, _ = engines
    seeds = (4, 5, 6)
    bias = np.random.default_rng(1).normal(size=tokenizer.vocabulary.size).astype(np.float32)
    infill = infill_of(seeds, options=options, bias=bias, **limits)
    cache = prompt_cache(engine)
    for row, seed in zip(written(engine, cache, tokenizer.grammar, infill), seeds, strict=True):
        cache.truncate(PROMPT)
        assert row == host_loop(engine, cache, tokenizer, seed, infill)


@pytest.mark.parametrize("chance", [0.0, 1 / 3, 1.0])
def test_bars_rest_as_often_as_the_model_says_whatever_the_temperature(tokenizer, chance) -> None:
    sampler = DeviceSampler(tokenizer.grammar, 300, 4, torch.device("cpu"))
    uniforms = np.random.default_rng(0).random((300, 8))
    sampler.start([(Infill(BARS[:1], uniforms, SamplingOptions(temperature=0.1)), 4)])
    end, note = (tokenizer.vocabulary.first_id(kind) for kind in (TokenType.FILL_IN_END, TokenType.NOTE_ONSET))
    logits = torch.full((300, tokenizer.vocabulary.size), -50.0)
    logits[:, end], logits[:, note] = (math.log(p) if p else -80.0 for p in (chance, 1 - chance))
    rests = (sampler.choose(logits, steered=False) == end).float().mean().item()
    assert rests == pytest.approx(chance, abs=0.08)


def test_who_stops_listening_leaves_the_prompt_as_it_was(engines, tokenizer) -> None:
    engine, _ = engines
    cache = prompt_cache(engine)
    infill = infill_of((1,), BARS * 5)
    running = started(engine, cache, tokenizer.grammar, PromptEnd(PROMPT, PROMPT, PROMPT + 1), infill)
    some = next(running)[0] + next(running)[0]
    np.testing.assert_array_equal(cache.tokens, [np.arange(PROMPT)] * 2)
    assert written(engine, cache, tokenizer.grammar, infill)[0][: len(some)] == some


def test_an_infill_does_not_depend_on_those_before_it(make_checkpoint, engines, tokenizer) -> None:
    used, fresh = engines[0], CudaBackend.from_checkpoint(make_checkpoint(positions=POSITIONS), "cpu")
    infill = infill_of((7, 8), (WrittenBar(True, TimeSignature(3, 4)),), density_hard_limit=5)
    written(used, prompt_cache(used), tokenizer.grammar, infill_of((1, 2), BARS * 6, options=OPTIONS["all at once"]))
    assert written(used, prompt_cache(used), tokenizer.grammar, infill) == written(
        fresh, prompt_cache(fresh), tokenizer.grammar, infill
    )


def test_writing_ends_where_the_context_does(engines, tokenizer) -> None:
    engine, _ = engines
    cache = prompt_cache(engine, 590)
    infill = Infill(BARS * 4, np.zeros((1, 1200)) + 0.5, allow_rests=False)
    rows = [fresh[0] for fresh in started(engine, cache, tokenizer.grammar, PromptEnd(1, 590, 595), infill)]
    assert sum(map(len, rows)) == 6  # at position 590, and then 595 to 599


def test_a_model_that_fails_is_one_line(engines, make_checkpoint) -> None:
    """Numbers that are none lead to a token that the grammar refuses, not to a crash."""
    checkpoint = make_checkpoint(positions=POSITIONS)
    checkpoint.state_dict["lm_head.weight"].fill_(float("nan"))
    engine = InferenceEngine(checkpoint, CudaBackend.from_checkpoint(checkpoint, "cpu"))
    with pytest.raises(GenerationError, match="the model failed"):
        LiveInfill(engine).generate(LiveJob(make_score(4, 2, seed=1), ((1, 3),)))


class Recording(TorchDispatchMode):
    """A CUDA graph's stand-in: `record` notes every operation with its arguments as they are then, numbers and tensors; `replay`
    does them again on the same tensors."""

    def __init__(self, step) -> None:
        super().__init__()
        step()  # as the real one does it, for real, before it captures
        self._done: list[tuple] = []
        with self:
            step()

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        result = operation(*args, **(kwargs or {}))
        self._done.append((operation, args, kwargs or {}, result))
        return result

    def replay(self) -> None:
        for operation, args, kwargs, result in self._done:
            again = operation(*args, **kwargs)
            several = isinstance(result, (tuple, list))
            for old, new in zip(result, again, strict=True) if several else ((result, again),):
                if old.data_ptr() != new.data_ptr():  # neither a view nor changed in place
                    old.copy_(new)


def recorded_backend(checkpoint) -> CudaBackend:
    """An engine on the CPU whose steps are recorded and replayed as on a GPU."""

    def capture(step):
        return Recording(step).replay

    return CudaBackend(StaticModel(checkpoint, torch.device("cpu"), torch.float32), Recorder(capture))


def test_recorded_steps_serve_every_infill(engine_of) -> None:
    """Nothing that differs from infill to infill may have been baked into a step: settings, limits, targets, length, takes, dials,
    chords, notes that stand."""
    checkpoint = engine_of("yellow").checkpoint
    recorded, plain = recorded_backend(checkpoint), CudaBackend.from_checkpoint(checkpoint, "cpu")
    ours, theirs = (LiveInfill(InferenceEngine(checkpoint, backend)) for backend in (recorded, plain))
    ours.warm_up()
    made = recorded.recorder.made
    assert made
    chords = ChordSpan(0, 1.5, parse_chord("Dm7")), ChordSpan(1.5, 2.5, parse_chord("G7"))
    for number, options in enumerate(OPTIONS.values()):
        stands = {2: (Note(0, 240, 60, 80),)} if number == 5 else {}
        job = LiveJob(
            make_score(4 + 4 * (number % 2), 3, seed=number),
            ((1, 3), (2, 3)) if stands else ((1, 3), (2, 2), (2, 3)),
            seed=number,
            takes=1 + number % 3,
            harmony=number / 4,
            sampling=options,
            allow_rests=number % 2 == 0,
            density_hard_limit=4 + number,
            attributes={1: {"max_polyphony": number}, 2: {"min_polyphony": 2}} if number in (1, 4) else {},
            chords=chords if number > 3 else None,
            forced=stands,
            from_beat=1.0 if stands else 0.0,
        )
        assert ours.generate(job).takes == theirs.generate(job).takes
    assert recorded.recorder.made == made


@pytest.mark.parametrize("takes", [1, 3])
def test_live_jobs_are_written_on_the_device(engine_of, monkeypatch, takes) -> None:
    """The same notes as from the host's loop, heard on the way, and not one token chosen by the host."""
    reference = engine_of("yellow")
    engine = InferenceEngine(reference.checkpoint, CudaBackend.from_checkpoint(reference.checkpoint, "cpu"))
    job = LiveJob(
        make_score(8, 4, seed=3), ((2, 7), (3, 7)), takes=takes, harmony=0.5, variety=0.5, density_hard_limit=8,
        sampling=SamplingOptions(temperature=0.9, top_p=0.95),
    )  # fmt: skip
    expected = LiveInfill(reference).generate(job)
    heard = []
    with monkeypatch.context() as patched:
        patched.setattr(Chooser, "choose", None)
        live = LiveInfill(engine)
        live.warm_up()
        result = live.generate(job, lambda track, bar, note, take: heard.append((take, track, bar, note)))
    assert result.takes == expected.takes
    told = {
        (number, *cell, note)
        for number, take in enumerate(result.takes)
        for cell in take.bars
        for note in take.bars[cell]
    }
    assert set(heard) == told
    assert result.generated_tokens == expected.generated_tokens


def test_a_cancelled_live_job_stops(engine_of) -> None:
    checkpoint = engine_of("yellow").checkpoint
    live = LiveInfill(InferenceEngine(checkpoint, CudaBackend.from_checkpoint(checkpoint, "cpu")))
    heard = []
    job = LiveJob(make_score(8, 4, seed=3), ((3, 4), (3, 5), (3, 6), (3, 7)), allow_rests=False)
    with pytest.raises(GenerationCancelled):
        live.generate(job, lambda *note: heard.append(note), cancel=lambda: bool(heard))
    assert len(heard) < 8


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


def test_a_sound_engine_passes_its_check(make_checkpoint) -> None:
    checkpoint = make_checkpoint(positions=300)
    check(CudaBackend.from_checkpoint(checkpoint, "cpu"), checkpoint)


def other_numbers(backend: CudaBackend) -> None:
    weights = backend._opened().weights
    weights["lm_head.weight"] = weights["lm_head.weight"].flip(0)


def no_numbers(backend: CudaBackend) -> None:
    weights = backend._opened().weights
    weights["transformer.ln_f.bias"] = weights["transformer.ln_f.bias"] * float("nan")


def no_memory(backend: CudaBackend) -> None:
    def lend(holder, count: int):
        raise RuntimeError("CUDA out of memory\nwith a long story")

    backend.pool.lend = lend


def no_writing(backend: CudaBackend) -> None:
    class Nonsense:
        def add(self, *_):
            pass

        def run(self):
            yield Written([[0]], False, np.zeros((1, 2)))

    backend.begin = lambda grammar: Nonsense()


FAULTS = {"not the CPU's": other_numbers, "nan nats": no_numbers, "out of memory": no_memory, "nonsense": no_writing}


@pytest.mark.parametrize(("message", "fault"), FAULTS.items(), ids=FAULTS)
def test_a_gpu_that_does_not_do_its_work_is_left_alone(make_checkpoint, monkeypatch, message, fault) -> None:
    """`auto` plays on the CPU and says why; who asks for cuda gets one line."""
    checkpoint = make_checkpoint(positions=300)

    def faulty(checkpoint, device="cuda"):
        backend = CudaBackend(StaticModel(checkpoint, torch.device("cpu"), torch.float32))
        if device == "cuda":
            fault(backend)
        return backend

    monkeypatch.setattr(select, "_has_gpu", lambda: True)
    monkeypatch.setattr(CudaBackend, "from_checkpoint", staticmethod(faulty))
    backend, reason = select.make_backend(checkpoint)
    assert backend.name in ("native", "onnx")
    assert message in reason
    assert "\n" not in reason
    with pytest.raises(GenerationError, match=message):
        select.make_backend(checkpoint, "cuda")
