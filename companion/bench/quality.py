"""What quantised weights cost: the next-token distribution of an engine against the reference, on real or made music.

Both read the same prompt and then the same tokens, drawn from the reference, so that every step compares like with like.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from companion.inference.backends.base import Backend, Cache
from companion.inference.decoding import PREFILL_CHUNK
from companion.inference.prompt import WindowRequest, build_prompt
from companion.tokenizer import Tokenizer


def compare(
    engine: Backend, reference: Backend, tokenizer: Tokenizer, requests: Sequence[WindowRequest], tokens: int = 40
) -> dict[str, float]:
    """{kl: mean nats, kl_p99, top1: share of equal favourites, positions} over `tokens` steps after every prompt."""
    divergences: list[float] = []
    agreements: list[bool] = []
    random = np.random.default_rng(0)
    for request in requests:
        prompt = build_prompt(tokenizer, request)
        ids, positions = prompt.masked.ids[None], prompt.masked.positions[None]
        if ids.shape[1] + tokens >= engine.n_positions:
            continue
        pair = [(backend, backend.new_cache()) for backend in (reference, engine)]
        logits = [_prefill(backend, cache, ids, positions) for backend, cache in pair]
        for step in range(tokens):
            exact, rough = (_log_softmax(row) for row in logits)
            divergences.append(float(np.sum(np.exp(exact) * (exact - rough))))
            agreements.append(int(exact.argmax()) == int(rough.argmax()))
            chosen = random.choice(len(exact), p=np.exp(exact) / np.exp(exact).sum())
            where = np.array([[prompt.next_position + step]])
            logits = [backend.forward(cache, np.array([[chosen]]), where)[0] for backend, cache in pair]
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
