"""Steering on the GPU engine: every dial, chords, rests and voicing, token for token as on the host."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from companion.bench.engines.material import make_score
from companion.config.presets import load_preset
from companion.harmony.spans import ChordSpan
from companion.harmony.symbols import parse_chord
from companion.inference.backends.cuda.backend import CudaBackend
from companion.inference.backends.cuda.writing.sampling import MOST_BARS, MOST_OPENED, DeviceSampler
from companion.inference.backends.writing import Infill
from companion.inference.decoding import following
from companion.inference.decoding.choosing import Chooser, DecodeSettings
from companion.inference.decoding.following import refusals
from companion.inference.decoding.sampling import SamplingOptions
from companion.inference.decoding.token_loop import PromptRunner
from companion.inference.engine import InferenceEngine
from companion.inference.live import LiveInfill, LiveJob
from companion.inference.prompts.prompt import WindowRequest, build_prompt
from companion.inference.steering.dials import Steering
from companion.resources import configs_dir
from companion.runtime.engine.worker import live_job
from companion.session.api.effects import Job
from companion.tokenizer import TokenType
from companion.tokenizer.grammar import Grammar, WrittenBar

CHORDS = (
    ChordSpan(0, 1, parse_chord("Dm7")),
    ChordSpan(1, 1.5, parse_chord("G7/B")),
    ChordSpan(2.5, 1.5, parse_chord("Cmaj7")),
)
NUCLEUS = SamplingOptions(temperature=0.9, top_p=0.95)
DIALS = {
    "sparse drums": ((0, 3), {"note_density": 2}),
    "dense drums": ((0, 3), {"note_density": 8}),
    "the densest drums": ((0, 3), {"note_density": 9}),
    "one voice": ((1, 3), {"max_polyphony": 0}),
    "chords": ((2, 3), {"min_polyphony": 2}),
    "two to three voices": ((2, 3), {"min_polyphony": 1, "max_polyphony": 2}),
    "short notes": ((1, 3), {"max_note_duration": 1}),
    "long notes": ((1, 3), {"min_note_duration": 3}),
    "lengths within limits": ((2, 3), {"min_note_duration": 2, "max_note_duration": 3}),
    "a key": ((2, 3), {"key_signature": 9}),
    "a range": ((2, 3), {"pitch_range": 7}),
    "few pitch classes": ((2, 3), {"pitch_class_set": 2}),
    "everything": (
        (2, 3),
        {
            "min_polyphony": 1, "max_polyphony": 3, "min_note_duration": 1, "max_note_duration": 3,
            "key_signature": 16, "pitch_range": 14, "pitch_class_set": 4,
        },
    ),
}  # fmt: skip
DRAWS = {"drawn": NUCLEUS, "greedy": SamplingOptions(top_k=1)}


@pytest.fixture(scope="module")
def runners(engine_of) -> tuple[PromptRunner, PromptRunner]:
    reference = engine_of("yellow")
    backend = CudaBackend.from_checkpoint(reference.checkpoint, "cpu")
    return PromptRunner(backend, reference.tokenizer), PromptRunner(reference.backend, reference.tokenizer)


def both(runners, request: WindowRequest, settings: DecodeSettings, takes=(0,)):
    """The takes of our engine, which the host must not have chosen, and of the reference."""
    ours, theirs = runners
    prompt = build_prompt(theirs.tokenizer, request)
    expected, _ = theirs.run(prompt, request, settings, takes)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Chooser, "choose", None)
        found, _ = ours.run(prompt, request, settings, takes)
    return [take.ids for take in found], [take.ids for take in expected]


@pytest.mark.parametrize("sampling", DRAWS.values(), ids=DRAWS)
@pytest.mark.parametrize(("target", "levels"), DIALS.values(), ids=DIALS)
def test_dials_steer_the_device_as_they_steer_the_host(runners, target, levels, sampling) -> None:
    request = WindowRequest(make_score(4, 4, seed=5), (target,), asked={target[0]: levels})
    settings = DecodeSettings(sampling, seed=3, density_hard_limit=24, polyphony_hard_limit=4)
    found, expected = both(runners, request, settings, (0, 1, 2) if sampling is NUCLEUS else (0,))
    assert found == expected
    plain, _ = both(runners, replace(request, asked={}), settings)
    assert plain[0] != found[0]


@pytest.mark.parametrize("sampling", DRAWS.values(), ids=DRAWS)
@pytest.mark.parametrize("track", [1, 2], ids=["bass", "piano"])
@pytest.mark.parametrize("dials", [{}, {"max_polyphony": 0, "max_note_duration": 3}], ids=["free", "dialled"])
def test_chords_that_change_within_the_bar_are_leant_to(runners, track, dials, sampling) -> None:
    request = WindowRequest(make_score(4, 4, seed=6), ((track, 3),), asked={track: dials} if dials else {})
    settings = DecodeSettings(sampling, seed=4, density_hard_limit=24, chords=CHORDS, harmony=0.8)
    found, expected = both(runners, request, settings, (0, 1, 2) if sampling is NUCLEUS else (0,))
    assert found == expected
    other, _ = both(runners, request, replace(settings, chords=(ChordSpan(0, 4, parse_chord("F#")),)))
    assert other[0] != found[0]


def test_one_voice_is_a_hard_limit(engine_of) -> None:
    reference = engine_of("yellow")
    job = LiveJob(
        make_score(4, 4, seed=3), ((1, 3),), attributes={1: {"max_polyphony": 0}}, takes=8, sampling=NUCLEUS,
        density_hard_limit=16, allow_rests=False,
    )  # fmt: skip
    live = LiveInfill(InferenceEngine(reference.checkpoint, CudaBackend.from_checkpoint(reference.checkpoint, "cpu")))
    for take in live.generate(job).takes:
        onsets = [note.onset_ticks for note in take.bars[1, 3]]
        assert len(onsets) == len(set(onsets)) > 0


@pytest.mark.parametrize("seed", range(6))
def test_bars_of_all_kinds_follow_each_other_in_one_batch(runners, seed) -> None:
    """Bars of drums, bass and piano in one prompt: what one bar leaves behind must not reach the next."""
    random = np.random.default_rng(seed)
    targets = ((0, 2), (0, 3), (1, 3), (2, 2), (2, 3))
    asked = {
        0: {"note_density": int(random.integers(0, 10))},
        1: {"max_polyphony": int(random.integers(0, 3)), "min_note_duration": int(random.integers(0, 4))},
        2: {"min_polyphony": int(random.integers(0, 4)), "pitch_range": int(random.integers(4, 30))},
    }
    request = WindowRequest(make_score(4, 4, seed=seed), targets, asked=asked)
    settings = DecodeSettings(
        SamplingOptions(temperature=0.9, top_p=0.9, mask_k=seed % 2), seed=seed, density_hard_limit=20, chords=CHORDS,
        harmony=seed / 4, allow_rests=seed != 3,
    )  # fmt: skip
    found, expected = both(runners, request, settings, range(2))
    assert found == expected


def test_a_bass_that_states_the_chords_rests_less_often(engine_of) -> None:
    """At full strength, the odds of a rest are e^4 times smaller."""
    tokenizer = engine_of("yellow").tokenizer
    vocabulary, request = tokenizer.vocabulary, WindowRequest(make_score(4, 4, seed=5), ((1, 3),))
    steering = Steering(vocabulary, request, request.targets, CHORDS, 1.0)
    sampler = DeviceSampler(Grammar(vocabulary), 500, 4, torch.device("cpu"))
    uniforms = np.random.default_rng(0).random((500, 8))
    end, position = (vocabulary.first_id(kind) for kind in (TokenType.FILL_IN_END, TokenType.TIME_ABSOLUTE_POS))
    logits = torch.full((500, vocabulary.size), -50.0)
    logits[:, end], logits[:, position] = 0.0, -4.0
    rests = {}
    for name, pushes in {"plain": (), "pushed": (steering.pushes(0),)}.items():
        sampler.start([(Infill((WrittenBar(False),), uniforms, pushes=pushes), 4)])
        rests[name] = (sampler.choose(logits, steered=True) == end).float().mean().item()
    assert rests["plain"] == pytest.approx(1 / (1 + np.exp(-4)), abs=0.02)
    assert rests["pushed"] == pytest.approx(0.5, abs=0.07)


def preset_jobs(name: str) -> list[LiveJob]:
    """The job of each companion part of a preset, with its dials, settings and a bar of three chords."""
    settings = load_preset(name).settings
    tracks = settings.tracks
    window = make_score(4, len(tracks), seed=1)
    for number, track in enumerate(tracks):
        window = window.with_track(number, replace(window.tracks[number], program=track.program, is_drum=track.is_drum))
    return [
        live_job(
            Job(
                request_id=number, window=window, first_bar=0, tracks=tuple(range(len(tracks))), targets=((number, 3),),
                hidden=(), mask_mode="auto", sampling=settings.model.sampling, seed=number,
                attributes=tuple(dict(track.attributes) for track in tracks), chords=CHORDS,
            )
        )
        for number, track in enumerate(tracks)
        if track.role == "companion"
    ]  # fmt: skip


@pytest.mark.parametrize("name", sorted(file.stem for file in (configs_dir() / "live").glob("*.toml")))
def test_no_part_of_a_shipped_preset_waits_for_the_host_at_each_token(engine_of, monkeypatch, name) -> None:
    reference = engine_of("yellow")
    live = LiveInfill(InferenceEngine(reference.checkpoint, CudaBackend.from_checkpoint(reference.checkpoint, "cpu")))
    reasons: list[str] = []

    def noted(*args):
        found = refusals(*args)
        reasons.extend(found)
        return found

    monkeypatch.setattr(following, "refusals", noted)
    monkeypatch.setattr(Chooser, "choose", None)
    jobs = preset_jobs(name)
    for job in jobs:
        live.generate(job)
    assert not reasons


def test_the_reasons_for_waiting_are_named(engine_of) -> None:
    reference = engine_of("yellow")
    backend = CudaBackend.from_checkpoint(reference.checkpoint, "cpu")
    score = make_score(4, 2, seed=1)
    uniforms = np.zeros((1, 2))
    request = WindowRequest(score, ((1, 3),), autoregressive=True)
    one = Infill((WrittenBar(False),), uniforms)
    assert refusals(backend, request, one) == ["whole tracks are written from nothing"]
    request = WindowRequest(score, ((1, 3),))
    assert refusals(backend, request, one) == []
    many = replace(one, targets=one.targets * (MOST_BARS + 1))
    assert refusals(backend, request, many) == [f"more than {MOST_BARS} bars at once"]
    opened = replace(one, openings=((1,) * (MOST_OPENED + 1),))
    assert refusals(backend, request, opened) == [f"a bar that begins with more than {MOST_OPENED} tokens"]
