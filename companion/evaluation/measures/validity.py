"""Measures whether the model would write correct bars without the grammar.

A generation is valid when the grammar would have allowed every token of it, up to FillInEnd. (Real use masks illegal tokens, so
its share is always 1. This measure shows how well a checkpoint understands each mask mode.) Prompts are those of live play: one
track to write, which stands last. Live play never asks a single take for several fills. With several fills in one prompt, small
models often confuse which fill belongs to the drums; this has nothing to do with the mask mode.

The probability of a valid generation is computed, not counted. Only legal tokens are drawn, with the model's probabilities
renormalised among them. The product of the legal shares of all steps then has the probability of a valid free generation as its
mean (importance sampling), with far less noise than counting. Legal and illegal tokens alike come from the nucleus TOP_P.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from companion.evaluation.progress import Progress, counted
from companion.evaluation.windows import LiveWindow
from companion.inference.backends.base import Backend
from companion.inference.decoding.sampling import make_generator, probabilities
from companion.inference.live import LiveJob
from companion.inference.live.layout import live_request, single_tracks, track_order
from companion.inference.prompts.prompt import Prompt, build_prompt
from companion.tokenizer import Tokenizer
from companion.tokenizer.grammar import Grammar, GrammarState, WrittenBar

MOST_TOKENS = 400
TOP_P = 0.95


@dataclass(frozen=True, slots=True)
class Run:
    """One generation. valid: the probability that it is correct without the grammar. legal: mean probability of legal tokens."""

    valid: float
    legal: float


def validity(
    backend: Backend,
    tokenizer: Tokenizer,
    windows: Sequence[LiveWindow],
    modes: Iterable[str],
    seed: int,
    progress: Progress,
) -> dict[str, dict[str, float]]:
    """mode → share of valid generations with its standard error, mean probability of legal tokens at every step, and the mean
    difference to `attention` with its own error, since all modes see the same windows and random numbers."""
    known: dict[bytes, Run] = {}
    runs: dict[str, list[Run]] = {mode: [] for mode in modes}
    for number, window in enumerate(counted(progress, "validity", windows)):
        for mode, found in runs.items():
            found.append(_free_run(backend, tokenizer, window, mode, seed + number, known))
    outcome: dict[str, dict[str, float]] = {}
    for mode, found in runs.items():
        valid = np.array([run.valid for run in found])
        above = valid - np.array([run.valid for run in runs.get("attention", found)])
        outcome[mode] = {
            "valid": float(valid.mean()),
            "error": _standard_error(valid),
            "legal_mass": float(np.mean([run.legal for run in found])),
            "above_attention": float(above.mean()),
            "above_attention_error": _standard_error(above),
        }
    return outcome


def _standard_error(values: npt.NDArray[np.float64]) -> float:
    return float(values.std(ddof=1) / len(values) ** 0.5) if len(values) > 1 else 0.0


def _free_run(
    backend: Backend, tokenizer: Tokenizer, window: LiveWindow, mode: str, seed: int, known: dict[bytes, Run]
) -> Run:
    """Write the last track's bar of a window. Modes that feed the model the same tokens share one run."""
    job = single_tracks(LiveJob(window.score, window.targets, frozenset(window.hidden)))[-1]
    order = track_order(job)
    prompt = build_prompt(tokenizer, live_request(job, order, mode))
    fed = prompt.masked
    key = fed.ids.tobytes() + fed.positions.tobytes() + seed.to_bytes(8, "little", signed=True)
    if key not in known:
        cell = job.targets[0]
        bar = WrittenBar(window.score.tracks[cell[0]].is_drum, window.truth(cell).time_signature)
        state = Grammar(tokenizer.vocabulary).start_infill([bar], allow_rests=True)
        known[key] = _follow(backend, prompt, state, make_generator(seed))
    return known[key]


def _follow(backend: Backend, prompt: Prompt, state: GrammarState, rng: np.random.Generator) -> Run:
    cache = backend.new_cache()
    logits = backend.forward(cache, prompt.masked.ids[None], prompt.masked.positions[None])[0]
    valid, masses = 1.0, []
    for position in range(prompt.next_position, min(prompt.next_position + MOST_TOKENS, backend.n_positions)):
        spread, legal = probabilities(logits, 1.0), state.legal()
        masses.append(float(spread[legal].sum()))
        kept, chances = _nucleus(spread)
        allowed = legal[kept]
        share = float(chances[allowed].sum())
        if not share:
            break
        valid *= share
        token = int(rng.choice(kept[allowed], p=chances[allowed] / share))
        state.advance(token)
        if state.done:
            return Run(valid, float(np.mean(masses)))
        logits = backend.forward(cache, np.array([[token]]), np.array([[position]]))[0]
    return Run(0.0, float(np.mean(masses)))


def _nucleus(spread: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.float64]]:
    """The ids of the smallest set that holds TOP_P of the probability, and their probabilities within it."""
    order = np.argsort(-spread)
    mass = np.cumsum(spread[order])
    kept = order[: int(np.searchsorted(mass, TOP_P)) + 1]
    return kept, spread[kept] / spread[kept].sum()
