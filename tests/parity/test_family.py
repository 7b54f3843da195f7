"""Every encoder of the family, each with a tiny random checkpoint: the same prompt ids, legal sets and logits as an installed
midigpt, token by token, on fresh random music. Music is in one meter, where midigpt's position limit does no harm."""

from __future__ import annotations

import contextlib
import random
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import torch

from companion.inference.engine import InferenceEngine
from companion.midi.file import song_from_bytes, to_bytes
from companion.music import Bar, Note, Score, TimeSignature, Track
from companion.tokenizer import Style, Tokenizer, TokenType, WrittenBar, attributes
from tests import golden
from tests.inference.conftest import random_checkpoint

midigpt = pytest.importorskip("midigpt")
core = pytest.importorskip("midigpt._core")
theirs = pytest.importorskip("midigpt.inference")
torch.set_num_threads(1)

BARS = 4
METERS = [TimeSignature(4, 4), TimeSignature(3, 4), TimeSignature(6, 8), TimeSignature(7, 8)]
CASES = [(name, seed) for name in golden.FAMILY for seed in range(3)]


@pytest.fixture(scope="module")
def path_of(tmp_path_factory):
    folder = tmp_path_factory.mktemp("family")

    def make(name):
        path = folder / f"{name}.safetensors"
        return path if path.is_file() else random_checkpoint(name, path, n_positions=1024, seed=5)

    return make


def random_score(rng: random.Random) -> Score:
    """A bass, a piano with rests, and drums, off the grid."""
    meter = rng.choice(METERS)
    length = meter.bar_ticks(480)
    tracks = []
    for number in range(3):
        is_drum = number == 2
        rows = []
        for bar in range(BARS):
            onsets = sorted(rng.randrange(length - 40) for _ in range(rng.randint(0, 7)))
            if bar in (0, BARS - 1):  # no track is empty, and the file has all bars
                onsets = [0, *onsets]
            left = (BARS - bar) * length
            notes = (
                Note(at, min(rng.randint(20, 900), left - at), rng.randint(30, 90), rng.randint(1, 127))
                for at in onsets
            )
            rows.append(Bar(tuple(notes), meter))
        tracks.append(Track(tuple(rows), (33, 0, 0)[number], is_drum))
    return song_from_bytes(to_bytes(Score(tuple(tracks)))).score


@dataclass
class Witness:
    """What midigpt did: the sequence and the legal set before every choice, and the logits that it chose by."""

    sequences: list[list[int]] = field(default_factory=list)
    legal: list[Any] = field(default_factory=list)
    logits: list[Any] = field(default_factory=list)


@pytest.fixture
def witness(monkeypatch):
    found = Witness()
    original = core.SessionState.logit_mask

    def logit_mask(state):
        mask = original(state)
        found.sequences.append(list(state.context_tokens()))
        found.legal.append(np.array(mask))
        return mask

    monkeypatch.setattr(core.SessionState, "logit_mask", logit_mask)
    return found


class Recorded:
    """Their model, with the logits of every call kept."""

    def __init__(self, model, kept) -> None:
        self._model, self._kept = model, kept

    def __call__(self, *args, **kwargs):
        result = self._model(*args, **kwargs)
        self._kept.append(result[0][0, -1].detach().numpy().copy())
        return result

    def __getattr__(self, name):
        return getattr(self._model, name)


def legacy_prompt(tokenizer, score, targets, style):
    """As midigpt's sessions do: levels over the whole piece, the targets' old notes included."""
    specs = tokenizer.config.attributes
    bar_levels = {
        (number, bar): attributes.compute_bar(row, track.bars[bar].length_ticks(480), track.is_drum, specs)
        for number, track in enumerate(score.tracks)
        for bar, row in enumerate(attributes.grid_rows(track))
    }
    levels = attributes.compute(score, specs=specs, legacy=True)
    return tokenizer.encode(score, targets=targets, attributes=levels, bar_attributes=bar_levels, style=style).ids


@pytest.mark.parametrize(("name", "seed"), CASES)
def test_ids_legal_sets_and_logits_are_the_same(path_of, witness, name, seed):
    rng = random.Random(seed)
    score = random_score(rng)
    tokenizer = Tokenizer(golden.config(name), legacy=True)
    vocabulary = tokenizer.vocabulary
    track = rng.randrange(3)
    bars = sorted(rng.sample(range(BARS), rng.randint(1, 2)))
    genre = rng.randrange(18) if TokenType.GENRE in vocabulary else None
    controls = {} if genre is None else {"genre": tokenizer.config.genre_groups[genre][0]}
    engine = theirs.InferenceEngine.from_checkpoint(str(path_of(name)))
    engine._model = Recorded(engine._model, witness.logits)
    config = theirs.InferenceConfig(
        model_dim=BARS,
        bars_per_step=BARS,
        top_k=1,
        max_attempts=1,
        novelty_check=False,
        silence_check=False,
        density_hard_limit=4,
        polyphony_hard_limit=2,
    )
    prompts = [theirs.TrackPrompt(id=t, bars=bars if t == track else []) for t in range(3)]
    request = theirs.GenerationRequest(tracks=prompts, config=config, controls=controls)
    # A random model may leave a fill through a bar end, where midigpt has no way on.
    with contextlib.suppress(RuntimeError):
        engine.session(midigpt.Score.from_bytes(to_bytes(score)), request).run()

    prompt = legacy_prompt(tokenizer, score, [(track, bar) for bar in bars], Style(genre))
    assert witness.sequences[0] == prompt
    written = [WrittenBar(score.tracks[track].is_drum, score.tracks[track].bars[bar].time_signature) for bar in bars]
    state = tokenizer.grammar.start_infill(written, allow_rests=False, density_hard_limit=4, polyphony_hard_limit=2)
    path = witness.sequences[-1]
    assert path[: len(prompt)] == prompt
    compared = 0
    for legal, token in zip(witness.legal, [*path[len(prompt) :], None], strict=False):
        assert np.array_equal(state.legal(), legal), compared
        compared += 1
        if token is None or (state.last is TokenType.FILL_IN_END and vocabulary.type_of(token)[0] is TokenType.BAR_END):
            break
        state.advance(token)
    assert compared > 5
    backend = InferenceEngine.from_checkpoint(path_of(name), engine="reference").backend
    for step in (0, compared - 1):
        ids = np.array([[*prompt, *path[len(prompt) : len(prompt) + step]]])
        found = backend.forward(backend.new_cache(), ids, np.arange(ids.shape[1])[None])[0]
        assert np.allclose(found, witness.logits[step], atol=1e-3), step


def test_with_a_switch_off_only_the_prompt_differs_in_midigpt(path_of, witness):
    """It goes on allowing the tokens that the prompt rules out; ours does not."""
    score = random_score(random.Random(1))
    tokenizer = Tokenizer(golden.config("expressive_new"), legacy=True)
    prompts = [theirs.TrackPrompt(id=t, bars=[1] if t == 0 else []) for t in range(3)]
    config = theirs.InferenceConfig(model_dim=BARS, max_attempts=1, density_hard_limit=2, silence_check=False)
    off = {"velocity": False, "microtiming": False}
    request = theirs.GenerationRequest(tracks=prompts, config=config, controls=off)
    engine = theirs.InferenceEngine.from_checkpoint(str(path_of("expressive_new")))
    engine.session(midigpt.Score.from_bytes(to_bytes(score)), request).run()
    assert witness.sequences[0] == legacy_prompt(tokenizer, score, [(0, 1)], Style(velocity=False, microtiming=False))
    assert witness.legal[0][tokenizer.vocabulary.first_id(TokenType.VELOCITY_LEVEL)]
    ours = Tokenizer(tokenizer.config).grammar.start_infill([WrittenBar(False, velocity=False, microtiming=False)])
    assert not ours.legal()[tokenizer.vocabulary.first_id(TokenType.VELOCITY_LEVEL)]
