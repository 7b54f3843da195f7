"""The fused kernels against the plain path: on a GPU, or in Triton's interpreter on the CPU (`pip install triton`)."""

from __future__ import annotations

import os

import numpy as np
import pytest
import torch

ON_GPU = torch.cuda.is_available()
if not ON_GPU:
    os.environ.setdefault("TRITON_INTERPRET", "1")
pytest.importorskip("triton", reason="Triton comes with torch's CUDA builds")

from companion.inference.backends.cuda import kernels  # noqa: E402
from companion.inference.backends.cuda.backend import CudaBackend  # noqa: E402
from companion.inference.backends.cuda.kernels import agreement, use_fused  # noqa: E402
from companion.inference.backends.cuda.kernels.fused import FusedModel, FusedStep  # noqa: E402
from companion.inference.backends.cuda.model import StaticModel  # noqa: E402
from companion.inference.backends.cuda.pool import Pool  # noqa: E402
from companion.inference.backends.cuda.recording import Recorder  # noqa: E402
from companion.inference.backends.cuda.writing.writer import DeviceWriter  # noqa: E402
from companion.inference.backends.writing import Infill, PromptEnd  # noqa: E402
from companion.inference.decoding.sampling import SamplingOptions  # noqa: E402
from companion.tokenizer import TokenType, Vocabulary  # noqa: E402
from companion.tokenizer.grammar import Grammar, WrittenBar  # noqa: E402

DEVICE = torch.device("cuda" if ON_GPU else "cpu")
STEPS = agreement.STEPS if ON_GPU else 2  # the interpreter takes seconds for a step


@pytest.fixture
def parts(make_checkpoint) -> tuple[DeviceWriter, StaticModel, Pool]:
    checkpoint = make_checkpoint(width=32, layers=1, heads=2, positions=300)
    model = StaticModel(checkpoint, DEVICE, torch.float16 if ON_GPU else torch.float32)
    pool, grammar = Pool(model), Grammar(Vocabulary(checkpoint.encoder_config))
    return DeviceWriter(model, pool, Recorder.for_device(DEVICE), grammar), model, pool


@pytest.mark.parametrize(("width", "heads"), [(96, 3), (64, 1)])
def test_the_fused_model_is_the_model(make_checkpoint, width, heads) -> None:
    """Rows of different lengths, also at the edges of a bucket; a width and a head size that are no powers of two."""
    checkpoint = make_checkpoint(width=width, layers=2, heads=heads, positions=600)
    model = StaticModel(checkpoint, DEVICE, torch.float32)
    memory = model.new_memory(4)
    memory.normal_(generator=torch.Generator(DEVICE).manual_seed(1))
    other = memory.clone()
    ids, positions, rows = torch.tensor([[3, 5, 600], [7, 300, 599], [0, 300, 511]], device=DEVICE)
    slots = torch.arange(3, device=DEVICE)
    with torch.inference_mode():
        expected = model.step(memory, ids[:, None], positions[:, None], rows[:, None], slots, 512, desk=True)
        found = FusedModel(model, 4).step(other, ids, positions, rows, 512)
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(other, memory, atol=1e-4, rtol=1e-4)


def test_the_fused_step_agrees_with_the_plain_one(parts) -> None:
    writer, model, pool = parts
    assert agreement.disagreement(writer, FusedStep(model, writer.sampler), pool.memory, STEPS) == ""


def test_bars_end_and_begin_alike(parts) -> None:
    """Logits that end bars early: states are cleared, the next bar opens with notes that stand, and a take ends; greedy and filtered."""
    writer, model, _ = parts
    vocabulary, size = writer.grammar.vocabulary, writer.grammar.vocabulary.size
    onset, duration, place = (
        vocabulary.first_id(kind)
        for kind in (TokenType.NOTE_ONSET, TokenType.NOTE_DURATION, TokenType.TIME_ABSOLUTE_POS)
    )
    note = (place, onset + 60, duration + 5)
    random = np.random.default_rng(3).random((1, 600))
    one = Infill(
        (WrittenBar(False),) * 2, random, SamplingOptions(top_k=1), openings=((), note), from_tick=7, weighed=True
    )
    two = Infill(
        (WrittenBar(True),) * 2, random, SamplingOptions(0.8, 40, 0.9, 1, 0.2), allow_rests=False, density_hard_limit=2
    )
    batch = [(PromptEnd(1, 0, 1), 4, one), (PromptEnd(1, 0, 1), 290, two)]
    logits = 2 * torch.randn((14, 2, size), generator=torch.Generator().manual_seed(5)).to(DEVICE)
    logits[:, :, vocabulary.first_id(TokenType.FILL_IN_END)] += 7.0
    fused = FusedStep(model, writer.sampler).sampler
    seen = []
    for choose in (lambda step: writer.choose(step, steered=True), lambda step: fused.choose(step, writer.fed)):
        writer.put_on(batch)
        states = []
        for step in logits[:9] if not ON_GPU else logits:
            choose(step)
            states.append(agreement.states_of(writer, 2))
        seen.append(states)
    written = writer.sampler.tokens[:2].tolist()
    assert written[0].count(vocabulary.first_id(TokenType.FILL_IN_START)) == 1
    assert all(token in written[0] for token in note)
    for plain, other in zip(*seen, strict=True):
        for expected, found in zip(plain, other, strict=True):
            torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-6)


def test_a_fused_model_with_other_numbers_is_found_out(parts) -> None:
    writer, model, pool = parts
    fused = FusedStep(model, writer.sampler)
    fused.model.step = lambda *_: writer.logits(4, 256).flip(1)
    assert "numbers are off" in agreement.disagreement(writer, fused, pool.memory, 1)


def test_a_fused_sampler_with_other_tokens_is_found_out(parts) -> None:
    writer, model, pool = parts
    fused = FusedStep(model, writer.sampler)
    fused.model.step = lambda *_: writer.logits(4, 256)
    fused.sampler.choose = lambda logits, fed: writer.choose(logits.flip(1), steered=True)
    assert "chose other tokens" in agreement.disagreement(writer, fused, pool.memory, 4)


def test_kernels_that_fail_leave_the_plain_path(parts, monkeypatch) -> None:
    writer, model, pool = parts

    def failing(*_):
        raise ValueError("no such compiler\nwith a long story")

    monkeypatch.setattr(agreement, "disagreement", failing)
    assert use_fused(writer, model, pool.memory) == "plain: ValueError: no such compiler"
    assert writer.fused is None
    monkeypatch.setattr(agreement, "disagreement", lambda *_: "")
    assert kernels.use_fused(writer, model, pool.memory) == "fused"
    assert writer.fused is not None


@pytest.mark.skipif(not ON_GPU, reason="only a GPU has more than the plain path to choose")
def test_a_gpu_uses_the_fused_kernels(make_checkpoint) -> None:
    checkpoint = make_checkpoint(width=64, layers=2, heads=4, positions=300)
    backend = CudaBackend.from_checkpoint(checkpoint)
    backend.get_ready(Grammar(Vocabulary(checkpoint.encoder_config)))
    assert backend.kernels == "fused"
