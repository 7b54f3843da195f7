"""The GPU engine's memory: one pool for everything, given out, taken back, and never grown while music plays."""

from __future__ import annotations

import gc
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes

from companion.bench.engines.material import make_score
from companion.errors import GenerationError
from companion.harmony.spans import ChordSpan
from companion.harmony.symbols import parse_chord
from companion.inference.backends.base import fork
from companion.inference.backends.cuda.backend import CudaBackend
from companion.inference.backends.cuda.model import StaticModel
from companion.inference.backends.cuda.pool import DESK, LENT, Pool, plan_slots
from companion.inference.backends.cuda.recording import Recorder
from companion.inference.engine import InferenceEngine
from companion.inference.live import LiveInfill, LiveJob


@pytest.fixture(scope="module")
def model(make_checkpoint) -> StaticModel:
    return StaticModel(make_checkpoint(), torch.device("cpu"), torch.float32)


class Holder:
    """A cache that only notes that it lost its slots."""

    lost = False

    def give_up(self) -> None:
        self.lost = True


def test_the_holder_used_the_longest_ago_gives_up_its_slots(model) -> None:
    pool = Pool(model)
    holders = [Holder() for _ in range(LENT)]
    slots = [pool.lend(holder, 1) for holder in holders]
    assert sorted(slot for (slot,) in slots) == list(pool.slots)
    pool.note_use(slots[0])
    latest = Holder()
    assert pool.lend(latest, 2) == (*slots[1], *slots[2])
    assert [holder.lost for holder in holders] == [False, True, True] + [False] * (LENT - 3)
    assert pool.taken_back == 2


def test_slots_of_caches_that_are_gone_are_free(model) -> None:
    pool = Pool(model)
    kept = Holder()
    pool.lend(kept, 1)
    for _ in range(5):
        gone = Holder()
        pool.lend(gone, LENT - 1)
        del gone
        gc.collect()
    assert not kept.lost


def test_what_was_used_last_is_never_taken(model) -> None:
    pool = Pool(model)
    source = Holder()
    pool.lend(source, 1)
    with pytest.raises(GenerationError, match=f"{LENT} sequences at once"):
        pool.lend(Holder(), LENT)
    assert not source.lost


def test_a_cache_that_lost_its_slot_is_empty_and_can_be_fed_again(make_checkpoint) -> None:
    engine = CudaBackend.from_checkpoint(make_checkpoint(), "cpu")
    ids = np.arange(20)[None]
    first = engine.new_cache()
    expected = engine.forward(first, ids, ids)
    others = [engine.new_cache() for _ in range(LENT)]
    assert first.length == 0
    assert len(first.tokens[0]) == 0
    np.testing.assert_array_equal(engine.forward(first, ids, ids), expected)
    assert others[0].length == 0


def test_more_takes_than_the_pool_holds_have_memory_of_their_own(make_checkpoint) -> None:
    engine = CudaBackend.from_checkpoint(make_checkpoint(), "cpu")
    ids = np.arange(20)[None]
    cache = engine.new_cache()
    engine.forward(cache, ids, ids)
    many = fork(engine, cache, LENT + 1)
    one = engine.forward(cache, ids[:, :1], ids[:, :1] + 20)
    all_of_them = engine.forward(many, np.repeat(ids[:, :1], LENT + 1, 0), np.full((LENT + 1, 1), 20))
    np.testing.assert_allclose(all_of_them, np.repeat(one, LENT + 1, 0), atol=1e-5)
    assert cache.length == 21


def test_a_small_gpu_holds_fewer_sequences() -> None:
    assert plan_slots(10, None) == (DESK, LENT)
    assert plan_slots(10, 10_000) == (DESK, LENT)
    assert plan_slots(10, 150) == (8, 4)
    assert plan_slots(10, 100) == (4, 4)
    assert plan_slots(10, 50) == (1, 3)
    with pytest.raises(GenerationError, match="MB free; this model needs"):
        plan_slots(10, 49)


def test_a_model_of_200_million_parameters_fits_a_gpu_of_8_gb() -> None:
    """24 layers of 832 (`random:832x24x13`): weights and the whole pool in half precision, 2,048 positions."""
    rows, width, layers = 2304, 832, 24
    weights = 2 * (12 * layers * width**2 + (2 * 650 + 2048) * width)
    assert weights > 2 * 200e6
    slot = 2 * 2 * layers * rows * width
    assert plan_slots(slot, int(7e9 - weights)) == (DESK, LENT)


class Watching(TorchDispatchMode):
    """Counts operations that make a new tensor outside recorded steps; inside them, the memory is part of the recording."""

    def __init__(self) -> None:
        super().__init__()
        self.made: list[str] = []

    def capture(self, step):
        def replay() -> None:
            with _disable_current_modes():
                step()

        return replay

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        result = operation(*args, **(kwargs or {}))
        taken = [*args, *(kwargs or {}).values()]
        given = {arg.untyped_storage().data_ptr() for arg in taken if isinstance(arg, torch.Tensor)}
        fresh = isinstance(result, torch.Tensor) and result.untyped_storage().data_ptr() not in given
        # What `forward` returns is copied to the host, where it may take new memory.
        if fresh and not str(operation).startswith(("aten.to.", "aten._to_copy.")):
            self.made.append(str(operation))
        return result


def test_fifty_bars_of_three_tracks_record_and_allocate_nothing(engine_of) -> None:
    checkpoint = engine_of("yellow").checkpoint
    watching = Watching()
    model = StaticModel(checkpoint, torch.device("cpu"), torch.float32)
    backend = CudaBackend(model, Recorder(watching.capture))
    live = LiveInfill(InferenceEngine(checkpoint, backend))
    live.warm_up()
    recorded, watching.made = backend.recorder.made, []
    job = LiveJob(
        make_score(4, 4, seed=1),
        ((1, 3), (2, 3), (3, 3)),
        density_hard_limit=2,
        attributes={1: {"max_polyphony": 0}},
        chords=(ChordSpan(0, 4, parse_chord("Am")),),
    )
    with watching:
        for bar in range(50):
            asked = replace(job, window=make_score(4, 4, seed=bar % 4), seed=bar, takes=1 + 3 * (bar % 10 == 0))
            live.prefill(asked)
            assert live.generate(asked).generated_tokens
    assert backend.recorder.made == recorded > 0
    assert not watching.made
    assert not backend.pool.taken_back
