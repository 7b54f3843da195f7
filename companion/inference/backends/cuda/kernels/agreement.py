"""Compares the fused kernels with the plain path before they are used.

Compilers and chips vary. A few steps are done with both, on bars that ask for every kind of steering: the plain path's logits must lead
both samplers to the same tokens, and the same tokens must lead both models to the same logits.
"""

from __future__ import annotations

import numpy as np
import torch

from companion.harmony.spans import ChordSpan
from companion.harmony.symbols import parse_chord
from companion.inference.backends.cuda.kernels.fused import FusedStep
from companion.inference.backends.cuda.model import BUCKET
from companion.inference.backends.cuda.writing.writer import DeviceWriter, Part
from companion.inference.backends.writing import Infill, PromptEnd
from companion.inference.decoding.sampling import SamplingOptions
from companion.inference.steering.bar_so_far import Places
from companion.inference.steering.chords import ChordLean
from companion.inference.steering.dials import BarPushes
from companion.inference.steering.pacing import Pace
from companion.inference.steering.register import Register
from companion.inference.steering.voicing import Lengths, Voices
from companion.music.meter import TimeSignature
from companion.tokenizer import Vocabulary
from companion.tokenizer.grammar import WrittenBar
from companion.tokenizer.token_types import TokenType

STEPS = 48
MOST_KL = 0.001  # nats between the two models; half precision rounds both
MOST_DIFFERENT = 0.02  # share of the tokens: a draw right at the edge between two tokens may fall either way
_LAST_ID, _LAST_POSITION, _PROMPT = 1, 20, 20  # where the prompt ends; what stands before is made up


@torch.inference_mode()
def disagreement(writer: DeviceWriter, fused: FusedStep, memory: torch.Tensor, steps: int = STEPS) -> str:
    """Why the fused step must not be used, in one line; "" if it agrees. Overwrites what is on the desk of `memory`."""
    rows = min(writer.rows, 4)
    vocabulary = writer.sampler.grammar.vocabulary
    memory[:, :, :rows, :_PROMPT].normal_(generator=torch.Generator(memory.device).manual_seed(0))
    writer.put_on([_part(kind, vocabulary, writer.limit) for kind in range(rows)])
    different = 0
    for _ in range(min(steps, BUCKET - _PROMPT)):
        changing = (writer.fed, *writer.sampler.state)
        before = [tensor.clone() for tensor in changing]
        exact = writer.logits(rows, BUCKET)
        writer.choose(exact, steered=True)
        expected = [tensor.clone() for tensor in changing]
        states = states_of(writer, rows)
        _set(changing, before)
        ids, positions, places, _ = writer.fed[:, :rows, 0].unbind()
        worst = _divergence(exact, fused.model.step(memory, ids, positions, places, BUCKET))
        if not worst <= MOST_KL:
            return f"the fused model's numbers are off by {worst:.2g} nats"
        fused.sampler.choose(exact, writer.fed)
        same = writer.fed[0, :rows] == expected[0][0, :rows]
        different += int((~same).sum())
        if bool(same.all()) and not all(map(_alike, states_of(writer, rows), states)):
            return "the fused sampler keeps other numbers"
        _set(changing, expected)
    share = different / (steps * rows)
    return "" if share <= MOST_DIFFERENT else f"the fused sampler chose other tokens in {share:.0%} of the draws"


def _set(tensors: tuple[torch.Tensor, ...], values: list[torch.Tensor]) -> None:
    for tensor, value in zip(tensors, values, strict=True):
        tensor.copy_(value)


def states_of(writer: DeviceWriter, rows: int) -> list[torch.Tensor]:
    """Copies of all numbers of the first `rows` takes, [rows, n] each: what is fed next, and the sampler's states."""
    takes_first = (writer.fed.transpose(0, 1), *writer.sampler.state)
    return [tensor.reshape(writer.rows, -1)[:rows].double().clone() for tensor in takes_first]


def _alike(found: torch.Tensor, expected: torch.Tensor) -> bool:
    return torch.allclose(found, expected, rtol=1e-6, atol=1e-6)


def _divergence(exact: torch.Tensor, found: torch.Tensor) -> float:
    """The largest KL divergence of a row's next-token distributions, in nats; NaN when a number is not finite."""
    expected, other = (torch.log_softmax(logits.double(), 1) for logits in (exact, found))
    return (expected.exp() * (expected - other)).sum(1).max().item()


def _part(kind: int, vocabulary: Vocabulary, limit: int) -> Part:
    """A take of three bars: drums of a density, a bass on chords, voices within limits, or unsteered with every filter."""
    places, meter = Places.of(vocabulary), TimeSignature()
    ticks = meter.bar_ticks(places.resolution)
    chords = ChordSpan(0, 1.5, parse_chord("Dm7")), ChordSpan(1.5, 2.5, parse_chord("G7"))
    melodic = TokenType.NOTE_DURATION
    pushes = (
        BarPushes(ticks, TokenType.NOTE_ONSET, pace=Pace(6, ticks, places)),
        BarPushes(
            ticks,
            melodic,
            voices=Voices(None, 1, places),
            lengths=Lengths(2, 3, places),
            lean=ChordLean(chords, meter, 0.8, is_bass=True, places=places),
        ),
        BarPushes(
            ticks,
            melodic,
            voices=Voices(2, 3, places),
            lengths=Lengths(None, 2, places),
            register=Register(0, 16, 5, (50, 60, 64), places),
            lean=ChordLean(chords, meter, 0.5, is_bass=False, places=places),
        ),
    )
    steered = kind < len(pushes)
    options = SamplingOptions(0.9, top_p=0.95) if steered else SamplingOptions(1.1, 60, 0.97, 2, 0.1)
    infill = Infill(
        targets=(WrittenBar(kind == 0),) * 3,
        uniforms=np.random.default_rng(kind).random((1, 2 * limit)),
        options=options,
        polyphony_hard_limit=(0, 1, 4, 0)[kind],
        density_hard_limit=(24, 6, 8, 5)[kind],
        weighed=True,
        pushes=(pushes[kind],) * 3 if steered else (),
    )
    return PromptEnd(_LAST_ID, _LAST_POSITION, _LAST_POSITION + 1), _PROMPT, infill
