"""Side by side with an installed midigpt, on fresh random music: same logits from our files, same greedy bars.

Music is on the model's grid and in one meter, where midigpt's floor rounding and last-bar position limit do no harm.
"""

from __future__ import annotations

import json
import random

import pytest
import torch

from companion.inference.checkpoints.files import load_checkpoint, save_checkpoint
from companion.inference.engine import InferenceEngine
from companion.inference.requests.request import GenerationRequest, InferenceConfig
from companion.midi.file import song_from_bytes, to_bytes
from companion.music import Bar, Note, Score, TimeSignature, Track
from tests import golden

midigpt = pytest.importorskip("midigpt")
theirs = pytest.importorskip("midigpt.inference")
torch.set_num_threads(1)

METERS = [TimeSignature(4, 4), TimeSignature(3, 4), TimeSignature(6, 8), TimeSignature(7, 8)]
EXACT = [("yellow", "attention"), ("yellow", "remove"), ("ghost", "token"), ("ghost", "attention")]


@pytest.fixture(scope="module")
def path_of(tmp_path_factory):
    folder = tmp_path_factory.mktemp("checkpoints")
    return lambda name: golden.checkpoint(name, folder)


def random_score(seed: int, bars: int = 8) -> Score:
    """Three melodic tracks and drums, every onset and length a multiple of 1/12 beat."""
    rng = random.Random(seed)
    meter = rng.choice(METERS)
    length = meter.bar_ticks(12)
    tracks = []
    for number in range(4):
        is_drum = number == 3
        rows = []
        for _ in range(bars):
            onsets = sorted(rng.sample(range(length), rng.randint(1, min(6, length))))
            lengths = [1 if is_drum else rng.randint(1, 24) for _ in onsets]
            notes = (
                Note(40 * on, 40 * n, rng.randint(30, 90), rng.randint(1, 127))
                for on, n in zip(onsets, lengths, strict=True)
            )
            rows.append(Bar(tuple(notes), meter))
        tracks.append(Track(tuple(rows), 0 if is_drum else rng.randrange(128), is_drum))
    return Score(tuple(tracks))


@pytest.mark.parametrize("name", ["yellow", "ghost"])
@pytest.mark.parametrize("suffix", ["pt", "safetensors"])
@pytest.mark.parametrize("chord_guide", [False, True])
def test_midigpt_loads_our_files_with_the_same_logits(tmp_path, path_of, name, suffix, chord_guide):
    checkpoint = load_checkpoint(path_of(name))
    parts = checkpoint.config, checkpoint.encoder_config, checkpoint.state_dict
    saved = save_checkpoint(tmp_path / f"ours.{suffix}", *parts, chord_guide=chord_guide)
    assert load_checkpoint(saved).chord_guide is chord_guide
    model = theirs.InferenceEngine.from_checkpoint(str(saved))._model
    ids = torch.randint(0, checkpoint.config.vocab_size, (1, 90), generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        expected = model(ids)[0][0, -1]
    backend = InferenceEngine.from_checkpoint(checkpoint, engine="reference").backend
    found = backend.forward(backend.new_cache(), ids.numpy(), torch.arange(90)[None].numpy())[0]
    assert torch.allclose(expected, torch.from_numpy(found), atol=1e-4)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("name", "mode"), EXACT)
def test_greedy_infill_writes_the_same_bars(path_of, name, mode, seed):
    data = to_bytes(random_score(seed))
    rng, score = random.Random(seed), song_from_bytes(data).score
    model_dim = rng.choice([4, 8])
    track, bar = rng.randrange(4), rng.randrange(8)
    hidden = {
        t: sorted(rng.sample([b for b in range(8) if (t, b) != (track, bar)], rng.randint(0, 3))) for t in range(4)
    }
    common = {"model_dim": model_dim, "mask_mode": mode, "top_k": 1, "max_attempts": 1, "seed": 1}
    common |= {"novelty_check": False, "silence_check": False, "density_hard_limit": 5, "polyphony_hard_limit": 2}
    ours = InferenceEngine.from_checkpoint(path_of(name), engine="reference").generate(
        score,
        GenerationRequest.infill(
            4, {track: [bar]}, hidden, InferenceConfig(**common, analyze_targets=True, leak_targets=True, steer=False)
        ),
    )
    prompts = [theirs.TrackPrompt(id=t, bars=[bar] if t == track else [], mask_bars=hidden[t]) for t in range(4)]
    session = theirs.InferenceEngine.from_checkpoint(str(path_of(name))).session(
        midigpt.Score.from_bytes(data),
        theirs.GenerationRequest(tracks=prompts, config=theirs.InferenceConfig(**common)),
    )
    result = session.run().to_dict()
    notes = result["tracks"][track]["bars"][bar]["notes"]
    scale = result["resolution"] // 480
    expected = sorted(
        (n["onset_ticks"] // scale, n["pitch"], n["duration_ticks"] // scale, n["velocity"]) for n in notes
    )
    written = ours.score.tracks[track].bars[bar].notes
    assert sorted((n.onset_ticks, n.pitch, n.duration_ticks, n.velocity) for n in written) == expected
    assert expected


def test_the_encoder_config_survives_in_a_form_midigpt_reads(tmp_path, path_of):
    checkpoint = load_checkpoint(path_of("ghost"))
    saved = save_checkpoint(tmp_path / "x.pt", checkpoint.config, checkpoint.encoder_config, checkpoint.state_dict)
    stored = torch.load(saved, weights_only=True)["encoder_config"]
    assert json.loads(json.dumps(stored)) == checkpoint.encoder_config.to_dict()
