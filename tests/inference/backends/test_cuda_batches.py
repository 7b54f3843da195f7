"""Parts and takes in one batch of the GPU engine: the same tokens as one by one, and as the reference."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from companion.bench.engines.material import make_score
from companion.errors import GenerationError
from companion.inference.backends.cuda.backend import CudaBackend
from companion.inference.backends.cuda.writing.sampling import MOST_BARS
from companion.inference.backends.writing import Infill, PromptEnd
from companion.inference.decoding.choosing import Chooser
from companion.inference.decoding.sampling import SamplingOptions
from companion.inference.engine import InferenceEngine
from companion.inference.live import LiveInfill, LiveJob
from companion.music.score import Note
from companion.tokenizer import Tokenizer
from companion.tokenizer.grammar import WrittenBar

NUCLEUS = SamplingOptions(temperature=0.9, top_p=0.95)


@pytest.fixture(scope="module")
def reference(engine_of) -> InferenceEngine:
    return engine_of("yellow")


@pytest.fixture(scope="module")
def engine(reference) -> InferenceEngine:
    return InferenceEngine(reference.checkpoint, CudaBackend.from_checkpoint(reference.checkpoint, "cpu"))


@pytest.fixture(autouse=True)
def nothing_chosen_by_the_host(request, monkeypatch):
    """Makes the host unable to choose while an engine of ours plays; the tests ask the reference first."""

    def forbid() -> None:
        monkeypatch.setattr(Chooser, "choose", None)

    return forbid


def test_three_parts_in_one_batch_are_what_they_are_one_by_one(reference, engine, nothing_chosen_by_the_host) -> None:
    job = LiveJob(
        make_score(4, 4, seed=3), ((0, 3), (1, 3), (3, 3)), hidden=frozenset({(2, 3)}), growing=frozenset({(2, 2)}),
        sampling=NUCLEUS, density_hard_limit=8,
    )  # fmt: skip
    expected = LiveInfill(reference, "all").generate(replace(job))
    one_by_one = [
        LiveInfill(reference).generate(replace(job, targets=(cell,), hidden=job.hidden | (set(job.targets) - {cell})))
        for cell in job.targets
    ]
    nothing_chosen_by_the_host()
    heard = []
    found = LiveInfill(engine, "all").generate(job, lambda track, bar, note, take: heard.append((track, bar, note)))
    assert found.forward_calls < found.generated_tokens
    first = one_by_one[0].takes[0].bars
    assert {cell: found.takes[0].bars[cell] for cell in first} == first
    assert {(*cell, note) for cell, notes in found.takes[0].bars.items() for note in notes} == set(heard)
    assert expected.takes[0].bars.keys() == found.takes[0].bars.keys()


@pytest.mark.parametrize("takes", [2, 8, 11])
def test_takes_are_written_in_batches_of_at_most_eight(reference, engine, nothing_chosen_by_the_host, takes) -> None:
    job = LiveJob(make_score(4, 3, seed=2), ((1, 3),), takes=takes, sampling=NUCLEUS, density_hard_limit=6)
    expected = LiveInfill(reference).generate(job)
    nothing_chosen_by_the_host()
    assert LiveInfill(engine).generate(job).takes == expected.takes


def test_candidates_are_weighed_on_the_device(reference, engine, nothing_chosen_by_the_host) -> None:
    job = LiveJob(make_score(4, 3, seed=2), ((1, 3),), takes=4, ranked=True, sampling=NUCLEUS, density_hard_limit=8)
    expected = LiveInfill(reference).generate(job)
    nothing_chosen_by_the_host()
    found = LiveInfill(engine).generate(job)
    assert [take.bars for take in found.takes] == [take.bars for take in expected.takes]
    weights = [take.likelihood for take in expected.takes]
    assert min(weights) < 0
    np.testing.assert_allclose([take.likelihood for take in found.takes], weights, atol=1e-4)


@pytest.mark.parametrize("takes", [1, 3])
def test_the_rest_of_a_bar_is_rewritten_on_the_device(reference, engine, nothing_chosen_by_the_host, takes) -> None:
    window = make_score(4, 3, seed=2)
    standing = {track: (Note(0, 120, 50 + track, 80), Note(240, 60, 52, 90)) for track in (1, 2)}
    job = LiveJob(
        window, ((1, 3), (2, 3)), takes=takes, forced=standing, from_beat=1.5, sampling=NUCLEUS, density_hard_limit=9
    )
    expected = LiveInfill(reference).generate(job)
    heard = []
    nothing_chosen_by_the_host()
    found = LiveInfill(engine).generate(job, lambda track, bar, note, take: heard.append(note))
    assert found.takes == expected.takes
    assert heard
    assert all(note.onset_ticks >= 1.5 * window.resolution for note in heard)


def test_a_bar_with_no_time_left_stands_as_it_is(reference, engine, nothing_chosen_by_the_host) -> None:
    job = LiveJob(make_score(4, 3, seed=2), ((1, 3),), from_beat=4.0, allow_rests=False, sampling=NUCLEUS)
    expected = LiveInfill(reference).generate(job)
    nothing_chosen_by_the_host()
    assert LiveInfill(engine).generate(job).takes == expected.takes


def test_a_batch_that_is_too_large_is_refused(engine) -> None:
    grammar = Tokenizer.load("yellow").grammar
    backend, end = engine.backend, PromptEnd(0, 0, 1)
    assert isinstance(backend, CudaBackend)
    writing = backend.begin(grammar)
    writing.add(backend.new_cache(), end, Infill((WrittenBar(False),), np.zeros((8, 10))))
    with pytest.raises(GenerationError, match="room for 8 rows"):
        writing.add(backend.new_cache(), end, Infill((WrittenBar(False),), np.zeros((1, 10))))
    many = Infill((WrittenBar(False),) * (MOST_BARS + 1), np.zeros((1, 10)))
    assert backend.refusals(many)
    with pytest.raises(GenerationError, match=f"room for {MOST_BARS} bars"):
        backend.begin(grammar).add(backend.new_cache(), end, many)
