"""Would the model write correct bars without being held to the grammar?

Tokens are drawn freely from the whole vocabulary; a generation is valid when the grammar would have allowed every one of
them, up to the last FillInEnd. (Real use masks illegal tokens, so there the share is always 1; this shows how well a
checkpoint understands each mask mode.)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from companion.evaluation.windows import LiveWindow
from companion.inference.backends.base import Backend
from companion.inference.prompt import WindowRequest, build_prompt
from companion.inference.sampling import make_generator, probabilities
from companion.tokenizer import Tokenizer
from companion.tokenizer.grammar import Grammar, WrittenBar

MOST_TOKENS = 400
TOP_P = 0.95


def validity(
    backend: Backend, tokenizer: Tokenizer, windows: Sequence[LiveWindow], modes: Iterable[str], seed: int
) -> dict[str, Any]:
    """mode → {share of valid generations, mean probability of legal tokens at every step}; the same windows for all."""
    grammar = Grammar(tokenizer.vocabulary)
    outcome = {}
    for mode in modes:
        runs = [_free_run(backend, tokenizer, grammar, window, mode, seed + n) for n, window in enumerate(windows)]
        legal = [chance for _, chances in runs for chance in chances]
        outcome[mode] = {"valid": float(np.mean([valid for valid, _ in runs])), "legal_mass": float(np.mean(legal))}
    return outcome


def _free_run(
    backend: Backend, tokenizer: Tokenizer, grammar: Grammar, window: LiveWindow, mode: str, seed: int
) -> tuple[bool, list[float]]:
    """One generation: was every token legal, and how much probability lay on the legal ones at each step."""
    prompt = build_prompt(
        tokenizer, WindowRequest(window.score, window.targets, frozenset(window.hidden), mask_mode=mode)
    )
    bars = [
        WrittenBar(window.score.tracks[t].is_drum, window.truth((t, bar)).time_signature) for t, bar in prompt.targets
    ]
    state = grammar.start_infill(bars, allow_rests=True)
    rng = make_generator(seed)
    cache = backend.new_cache()
    logits = backend.forward(cache, prompt.masked.ids[None], prompt.masked.positions[None])[0]
    chances: list[float] = []
    for step in range(MOST_TOKENS):
        spread = probabilities(logits, 1.0)
        legal = state.legal()
        chances.append(float(spread[legal].sum()))
        token = _draw(spread, rng)
        if not legal[token]:
            return False, chances
        state.advance(token)
        if state.done:
            return True, chances
        position = prompt.next_position + step
        if position >= backend.n_positions:
            break
        logits = backend.forward(cache, np.array([[token]]), np.array([[position]]))[0]
    return False, chances


def _draw(spread: np.ndarray, rng: np.random.Generator) -> int:
    """A token from the smallest set that holds TOP_P of the probability."""
    order = np.argsort(-spread)
    mass = np.cumsum(spread[order])
    kept = order[: int(np.searchsorted(mass, TOP_P)) + 1]
    return int(rng.choice(kept, p=spread[kept] / spread[kept].sum()))
