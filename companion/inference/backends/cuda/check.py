"""A check of the GPU engine before it is trusted.

Drivers, chips and torch builds vary, and a fault must not show first on stage. The check runs a few prefilled, recorded and
self-written steps and compares them with the same weights in float32 on the CPU.
"""

from __future__ import annotations

import numpy as np

from companion.errors import CompanionError, GenerationError, TokenizerError
from companion.inference.backends.base import Logits
from companion.inference.backends.cuda.backend import CudaBackend
from companion.inference.backends.writing import Infill, PromptEnd
from companion.inference.checkpoints.files import Checkpoint
from companion.tokenizer import Vocabulary
from companion.tokenizer.grammar import Grammar, WrittenBar

MOST_KL = 0.01  # nats between two next-token distributions; half precision costs about a thousandth
_PREFILLED, _DECODED, _NOTES = 24, 4, 4


def check(backend: CudaBackend, checkpoint: Checkpoint) -> None:
    """Raise a one-line GenerationError when the engine fails or its results differ from the CPU's."""
    try:
        worst = _divergence(backend, CudaBackend.from_checkpoint(checkpoint, "cpu"))
        if not worst <= MOST_KL:
            raise GenerationError(f"its numbers are not the CPU's (off by {worst:.2g} nats)")
        _write_a_bar(backend, Grammar(Vocabulary(checkpoint.encoder_config)))
    except CompanionError as error:
        raise GenerationError(f"the GPU engine did not pass its check: {error}") from error


def _divergence(backend: CudaBackend, exact: CudaBackend) -> float:
    """The largest KL divergence of the next-token distributions over some steps, in nats. NaN when the engine's logits are not finite."""
    ids = np.random.default_rng(0).integers(0, backend.vocab_size, (1, _PREFILLED + _DECODED))
    positions = np.arange(ids.shape[1])[None]
    pieces = [slice(0, _PREFILLED), *(slice(at, at + 1) for at in range(_PREFILLED, ids.shape[1]))]
    caches = backend.new_cache(), exact.new_cache()
    found = []
    for piece in pieces:
        ours, theirs = (
            engine.forward(cache, ids[:, piece], positions[:, piece])[0]
            for engine, cache in zip((backend, exact), caches, strict=True)
        )
        found.append(_kl(theirs, ours))
    return float(np.max(found))


def _kl(exact: Logits, other: Logits) -> float:
    if not np.isfinite(other).all():
        return np.nan
    expected, found = (logits - np.logaddexp.reduce(logits.astype(np.float64)) for logits in (exact, other))
    return float(np.sum(np.exp(expected) * (expected - found)))


def _write_a_bar(backend: CudaBackend, grammar: Grammar) -> None:
    """Let the engine write one bar by itself. Every token of it must be legal."""
    bar = (WrittenBar(is_drum=True),)
    infill = Infill(bar, np.full((1, 2 * backend.n_positions), 0.5), allow_rests=False, density_hard_limit=_NOTES)
    state = grammar.start_infill(bar, allow_rests=False, density_hard_limit=_NOTES)
    writing = backend.begin(grammar)
    writing.add(backend.new_cache(), PromptEnd(0, 0, 1), infill)
    for written in writing.run():
        for token in written.tokens[0]:
            try:
                state.advance(token)
            except TokenizerError as error:
                raise GenerationError(f"it wrote nonsense ({error})") from error
    if not state.done:
        raise GenerationError("it did not end a bar")
