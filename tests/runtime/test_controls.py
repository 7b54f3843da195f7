"""The newer encoders' controls in live play: a tiny prism is told key, range and density per bar, and obeys."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from companion.inference.backends.reference import build_model
from companion.inference.checkpoints.files import ModelConfig, save_checkpoint
from companion.inference.engine import InferenceEngine
from companion.music import TimeSignature
from companion.music.score import Track
from companion.runtime.engine.sizes import remarks_on
from companion.runtime.engine.worker import Worker, example_job, style_of
from companion.session.api.events import LoadedSize, NoteGenerated
from companion.session.api.settings import Sampling
from companion.tokenizer import EncoderConfig, Vocabulary
from companion.tokenizer.attributes import density_range, key_pitch_classes
from tests import golden
from tests.inference.conftest import random_checkpoint


@pytest.fixture(scope="module")
def workers(tmp_path_factory):
    folder = tmp_path_factory.mktemp("controls")
    made = {
        name: Worker(
            InferenceEngine.from_checkpoint(random_checkpoint(name, folder / f"{name}.safetensors"), "reference")
        )
        for name in ("prism", "expressive_new")
    }
    yield made
    for worker in made.values():
        worker.close()


def written(worker: Worker, attributes: dict[str, int], seed: int, drums: bool = False, **sampling) -> list:
    """The notes that one bar gets, of a job like one met in play."""
    job = example_job(4, (TimeSignature(4, 4),), seed)
    if drums:
        bars = tuple(replace(bar, notes=bar.notes[:1]) for bar in job.window.tracks[0].bars)
        job = replace(job, window=job.window.with_track(0, Track(bars, 0, is_drum=True)))
    job = replace(job, attributes=(attributes, {}, {}), sampling=Sampling(allow_rests=False, **sampling))
    notes: list = []

    def emit(event) -> None:
        if isinstance(event, NoteGenerated):
            notes.append(event.note)

    assert worker.generate(job, emit).result is not None
    return notes


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("key", [2, 21])
def test_a_key_is_obeyed(workers, key, seed):
    notes = written(workers["prism"], {"key_signature": key, "bar_max_polyphony": 0}, seed, density_hard_limit=16)
    outside = [note for note in notes if note.pitch % 12 not in key_pitch_classes(key)]
    assert notes
    assert len(outside) <= len(notes) / 10
    free = written(workers["prism"], {}, seed, density_hard_limit=16)
    assert any(note.pitch % 12 not in key_pitch_classes(key) for note in free)  # it does not keep to one by itself


@pytest.mark.parametrize("seed", range(3))
def test_a_range_is_obeyed(workers, seed):
    """The example's bass spans 36 to 42."""
    pitches = [note.pitch for note in written(workers["prism"], {"pitch_range": 9}, seed, density_hard_limit=16)]
    assert max([*pitches, 42]) - min([*pitches, 36]) <= 9
    narrower = [note.pitch for note in written(workers["prism"], {"pitch_range": 3}, seed, density_hard_limit=16)]
    assert max(narrower) - min(narrower) <= 3


@pytest.mark.parametrize("level", [0, 3, 7])
def test_a_bar_gets_the_density_asked_for_it(workers, level):
    fewest, most = density_range(level)
    for seed in range(2):
        assert fewest <= len(written(workers["prism"], {"bar_note_density": level}, seed, drums=True)) <= (most or 99)


def test_a_bar_has_at_most_the_pitches_asked_for(workers):
    for count in (1, 3):
        notes = written(workers["prism"], {"pitch_class_set": count}, 0, density_hard_limit=12)
        assert 1 <= len({note.pitch % 12 for note in notes}) <= count


def test_how_human_a_part_plays(workers):
    worker = workers["expressive_new"]
    played = written(worker, {}, 0, density_hard_limit=24)
    even = written(worker, {}, 0, density_hard_limit=24, human=0)
    assert len({note.velocity for note in played}) > 1
    assert len({note.velocity for note in even}) == 1
    assert all(note.onset_ticks % 40 == 0 and note.delta == 0 for note in even)
    assert any(note.onset_ticks % 40 or note.delta for note in played)


def test_a_genre_is_one_of_the_checkpoints(workers):
    info = workers["prism"].info()
    assert len(info.genres) == 18
    assert style_of(Sampling(genre="jazz"), info.genres).genre == info.genres.index("jazz")
    assert style_of(Sampling(genre="polka"), info.genres).genre is None
    assert info.switches == ()
    assert workers["expressive_new"].info().switches == ("velocity", "microtiming")


def test_a_checkpoint_from_the_future_loads_and_plays(tmp_path):
    config = golden.config("prism").to_dict()
    domains = [*config["token_domains"][:2], {"type": "Swing", "domain_size": 7}, *config["token_domains"][2:]]
    newer = EncoderConfig.from_dict(
        {**config, "token_domains": domains, "attribute_controls": [*config["attribute_controls"], {"name": "swing"}]}
    )
    model = ModelConfig(Vocabulary(newer).size, 1024, 32, 2, 2)
    torch.manual_seed(3)
    weights = {key: value for key, value in build_model(model).state_dict().items() if key in model.shapes()}
    path = save_checkpoint(tmp_path / "prism_next.safetensors", model, newer, weights)
    worker = Worker(InferenceEngine.from_checkpoint(path, "reference"), "prism_next")
    assert worker.info().unknown_controls == ("Swing", "swing")
    assert written(worker, {"key_signature": 0}, 0, density_hard_limit=12)
    [said] = remarks_on(LoadedSize(worker.info()))
    assert said == "prism_next has controls that this version does not know (Swing, swing): it plays without them"
    worker.close()


def test_loading_says_what_is_too_slow_and_what_is_not_known(workers):
    info = replace(workers["prism"].info(), name="prism_medium", unknown_controls=("Swing", "Feel"))
    slow, unknown = remarks_on(LoadedSize(info, ((4, 4.8), (8, 9.0))))
    assert "4.8 s" in slow
    assert "50 BPM" in slow
    assert "Swing, Feel" in unknown
    assert remarks_on(LoadedSize(workers["prism"].info(), ((4, 0.4),))) == []
