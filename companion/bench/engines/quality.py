"""Measures the cost of quantised weights: compares next-token distributions with those of exact weights, on real or generated music.

All read the same prompt and then the same tokens, drawn from the exact distribution, so that every step compares like with like.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from companion.errors import UsageError
from companion.inference.backends.base import Backend, Cache
from companion.inference.decoding.token_loop import PREFILL_CHUNK
from companion.inference.prompts.prompt import WindowRequest, build_prompt
from companion.tokenizer import Tokenizer


def compare(
    engines: Mapping[str, Backend],
    reference: Backend,
    tokenizer: Tokenizer,
    requests: Sequence[WindowRequest],
    tokens: int = 40,
) -> dict[str, dict[str, float]]:
    """For each engine {kl: mean nats, kl_p99, top1: share of equal favourites, positions}, `tokens` steps after every prompt."""
    divergences: dict[str, list[float]] = {name: [] for name in engines}
    agreements: dict[str, list[bool]] = {name: [] for name in engines}
    random = np.random.default_rng(0)
    for request in requests:
        prompt = build_prompt(tokenizer, request)
        ids, positions = prompt.masked.ids[None], prompt.masked.positions[None]
        if ids.shape[1] + tokens >= reference.n_positions:
            continue
        readers = [(backend, backend.new_cache()) for backend in (reference, *engines.values())]
        logits = [_prefill(backend, cache, ids, positions) for backend, cache in readers]
        for step in range(tokens):
            exact, *others = (_log_softmax(row) for row in logits)
            chances = np.exp(exact)
            for name, rough in zip(engines, others, strict=True):
                divergences[name].append(float(np.sum(chances * (exact - rough))))
                agreements[name].append(int(exact.argmax()) == int(rough.argmax()))
            chosen = np.array([[random.choice(len(exact), p=chances / chances.sum())]])
            where = np.array([[prompt.next_position + step]])
            logits = [backend.forward(cache, chosen, where)[0] for backend, cache in readers]
    return {name: _summary(divergences[name], agreements[name]) for name in engines}


def _summary(divergences: list[float], agreements: list[bool]) -> dict[str, float]:
    if not divergences:
        raise UsageError("no prompt fits the model")
    return {
        "kl": float(np.mean(divergences)),
        "kl_p99": float(np.quantile(divergences, 0.99)),
        "top1": float(np.mean(agreements)),
        "positions": float(len(divergences)),
    }


def _prefill(
    backend: Backend, cache: Cache, ids: npt.NDArray[np.int64], positions: npt.NDArray[np.int64]
) -> npt.NDArray[np.float32]:
    last = ids.shape[1] - 1
    for start in range(0, last, PREFILL_CHUNK):
        piece = slice(start, min(start + PREFILL_CHUNK, last))
        backend.forward(cache, ids[:, piece], positions[:, piece])
    return backend.forward(cache, ids[:, last:], positions[:, last:])[0]


def _log_softmax(logits: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    wide = logits.astype(np.float64)
    return wide - np.logaddexp.reduce(wide)
