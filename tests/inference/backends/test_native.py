"""The engine of our own kernels agrees with the reference on every kind of processor that this machine can run."""

from __future__ import annotations

import gc
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from companion.errors import GenerationError
from companion.inference.backends import select
from companion.inference.backends.base import fork
from companion.inference.backends.native import backend, compiling, library
from companion.inference.backends.native.backend import NativeBackend, why_not
from companion.inference.backends.reference import ReferenceBackend
from companion.inference.backends.rows import RowsBackend
from companion.inference.backends.thread_choice import ThreadChoice
from companion.runtime.machine import doctor

GAPPED = np.r_[0:20, 31:50, 90:101]
LENGTHS = (70, 33, 120)
VARIANTS = ("plain", "avx2", "avxvnni", "avx512vnni", "dotprod")

pytestmark = pytest.mark.skipif(
    not any(map(shutil.which, compiling.COMPILERS)), reason="no C compiler, so the kernels are not compiled"
)


def some_ids(count: int, batch: int = 1, seed: int = 0) -> npt.NDArray[np.int64]:
    return np.random.default_rng(seed).integers(0, 600, (batch, count))


def rows(positions: npt.ArrayLike, batch: int = 1) -> npt.NDArray[np.int64]:
    return np.tile(np.asarray(positions, dtype=np.int64), (batch, 1))


def divergence(exact: npt.NDArray, rough: npt.NDArray) -> float:
    """Kullback-Leibler distance in nats of the distributions of two rows of logits."""
    exact, rough = (row.astype(np.float64) - np.logaddexp.reduce(row.astype(np.float64)) for row in (exact, rough))
    return float(np.sum(np.exp(exact) * (exact - rough)))


def opened(checkpoint, kernels: str = "", threads: int = 1) -> NativeBackend:
    try:
        return NativeBackend.from_checkpoint(checkpoint, threads=threads, kernels=kernels)
    except GenerationError as error:
        if kernels and f"no {kernels} kernels" in str(error):
            pytest.skip(f"this processor cannot run {kernels} kernels")
        raise


@pytest.fixture(scope="module")
def checkpoint(make_checkpoint):
    return make_checkpoint(128, 3, 4, scale=0.05)


@pytest.fixture(scope="module")
def reference(checkpoint):
    return ReferenceBackend.from_checkpoint(checkpoint)


@pytest.fixture(scope="module")
def engine(checkpoint):
    return opened(checkpoint)


def test_the_kernels_are_compiled_where_there_is_a_compiler() -> None:
    assert library.why_not() == ""


@pytest.mark.parametrize("positions", [np.arange(50), GAPPED, np.arange(200)], ids=["whole", "gaps", "several chunks"])
@pytest.mark.parametrize("kernels", VARIANTS)
def test_agrees_with_the_reference_over_prefill_and_decoding(checkpoint, reference, kernels, positions) -> None:
    ids = some_ids(len(positions) + 3)
    steps = [(ids[:, : len(positions)], rows(positions))]
    steps += [(ids[:, at : at + 1], rows([positions[-1] + at])) for at in range(1, 4)]
    engine = opened(checkpoint, kernels)
    assert engine.kernels == kernels
    caches = engine.new_cache(), reference.new_cache()
    for tokens, where in steps:
        rough, exact = engine.forward(caches[0], tokens, where), reference.forward(caches[1], tokens, where)
        assert 0 <= divergence(exact[0], rough[0]) < 2e-3
        np.testing.assert_allclose(rough, exact, atol=0.05)


@pytest.mark.parametrize(
    "shape", [(48, 1, 3), (80, 2, 5), (96, 2, 1)], ids=["16 a head", "16 a head, odd", "96 a head"]
)
def test_odd_widths_and_heads(make_checkpoint, shape) -> None:
    checkpoint = make_checkpoint(*shape, scale=0.05)
    engine, reference = opened(checkpoint), ReferenceBackend.from_checkpoint(checkpoint)
    caches = engine.new_cache(), reference.new_cache()
    for tokens, where in ((some_ids(37), rows(np.arange(37))), (some_ids(1, seed=3), rows([40]))):
        rough, exact = engine.forward(caches[0], tokens, where), reference.forward(caches[1], tokens, where)
        np.testing.assert_allclose(rough, exact, atol=0.05)


def test_a_model_of_another_shape_is_refused_with_a_reason(make_checkpoint) -> None:
    checkpoint = make_checkpoint(40, 1, 4)
    assert "multiple of 16" in why_not(checkpoint.config)
    with pytest.raises(GenerationError, match="multiple of 16"):
        NativeBackend.from_checkpoint(checkpoint)
    assert select.make_backend(checkpoint, "auto")[0].name == "onnx"


def test_several_threads_compute_exactly_what_one_computes(checkpoint, engine) -> None:
    shared = opened(checkpoint, threads=4)
    ids, positions = some_ids(200), rows(np.arange(200))
    for _ in range(20):
        caches = engine.new_cache(), shared.new_cache()
        alone, together = (
            each.forward(cache, ids, positions) for each, cache in zip((engine, shared), caches, strict=True)
        )
        np.testing.assert_array_equal(alone, together)
        np.testing.assert_array_equal(caches[0].memory[0].room, caches[1].memory[0].room)


def test_threads_that_share_tokens_compute_exactly_what_one_computes(checkpoint, engine, monkeypatch) -> None:
    class Together(ThreadChoice):
        """Always together."""

        def took(self, seconds: float) -> None:
            self.together = True

    monkeypatch.setattr(backend, "ThreadChoice", Together)
    shared = opened(checkpoint, threads=3)
    caches = filled(engine, 40, 0), filled(shared, 40, 0)
    for step in range(200):
        alone, together = (
            each.forward(cache, np.array([[step]]), rows([40 + step]))
            for each, cache in zip((engine, shared), caches, strict=True)
        )
        np.testing.assert_array_equal(alone, together)


def test_prefill_in_pieces_equals_prefill_at_once(engine) -> None:
    ids, positions = some_ids(180), rows(np.arange(180))
    whole = engine.forward(engine.new_cache(), ids, positions)
    cache = engine.new_cache()
    for piece in (slice(0, 15), slice(15, 17), slice(17, 180)):
        pieces = engine.forward(cache, ids[:, piece], positions[:, piece])
    np.testing.assert_array_equal(pieces, whole)


def test_truncating_forgets_what_came_after(engine) -> None:
    ids, other, positions = some_ids(30), some_ids(30, seed=9), rows(np.arange(30))
    cache, fresh = engine.new_cache(), engine.new_cache()
    engine.forward(fresh, ids[:, :20], positions[:, :20])
    expected = engine.forward(fresh, ids[:, 20:], positions[:, 20:])
    engine.forward(cache, ids, positions)
    cache.truncate(20)
    engine.forward(cache, other[:, 20:], positions[:, 20:])
    cache.truncate(20)
    assert cache.length == 20
    np.testing.assert_array_equal(engine.forward(cache, ids[:, 20:], positions[:, 20:]), expected)
    np.testing.assert_array_equal(cache.tokens, np.stack([ids[0], positions[0]]))


def test_a_fork_continues_row_zero_and_leaves_it_alone(engine) -> None:
    ids, positions = some_ids(21), rows(np.arange(21))
    cache = engine.new_cache()
    engine.forward(cache, ids[:, :20], positions[:, :20])
    before = cache.memory[0].room.copy()
    takes = fork(engine, cache, 3)
    together = engine.forward(takes, np.array([[5], [6], [7]]), rows([20], 3))
    assert (cache.length, takes.length, takes.batch) == (20, 21, 3)
    np.testing.assert_array_equal(cache.memory[0].room, before)
    for row, token in enumerate((5, 6, 7)):
        cache.truncate(20)
        np.testing.assert_array_equal(engine.forward(cache, np.array([[token]]), rows([20]))[0], together[row])


def test_tokens_are_copied_to_any_place(engine) -> None:
    """Keys lie in groups of sixteen tokens; a copy may begin and end anywhere in them."""
    ids, positions = some_ids(70), rows(np.arange(70))
    source, straight, pieced = engine.new_cache(), engine.new_cache(), engine.new_cache()
    engine.forward(source, ids, positions)
    engine.append(straight, source, 0, 70)
    for start, end in ((0, 5), (5, 37), (37, 64), (64, 70)):
        engine.append(pieced, source, start, end)
    np.testing.assert_array_equal(straight.memory[0].room, pieced.memory[0].room)
    shifted = engine.new_cache()
    engine.append(shifted, source, 3, 70)
    engine.append(shifted, source, 0, 3)
    expected = engine.forward(source, np.array([[8]]), rows([80]))
    # Attention adds up the same tokens in another order.
    np.testing.assert_allclose(engine.forward(shifted, np.array([[8]]), rows([80])), expected, atol=1e-4)
    np.testing.assert_array_equal(shifted.tokens[0], np.r_[ids[0, 3:], ids[0, :3], 8])


def test_a_failed_step_leaves_the_cache_as_it_was(engine) -> None:
    cache = engine.new_cache()
    engine.forward(cache, some_ids(10), rows(np.arange(10)))
    for ids, positions, message in (
        (np.array([[10_000]]), rows([10]), "failed"),
        (np.array([[-1]]), rows([10]), "failed"),
        (np.array([[1]]), rows([256]), "positions"),
        (np.array([[1]]), rows([-1]), "positions"),
        (some_ids(247), rows(np.arange(247)), "256 positions"),
        (some_ids(3), rows(np.arange(4)), "do not fit"),
    ):
        with pytest.raises(GenerationError, match=message):
            engine.forward(cache, ids, positions)
    with pytest.raises(GenerationError, match="cannot be cut"):
        cache.truncate(11)
    with pytest.raises(GenerationError, match="cannot be added"):
        engine.append(engine.new_cache(), cache, 0, 11)
    assert cache.length == 10


def test_a_closed_engine_says_so(checkpoint) -> None:
    engine = opened(checkpoint)
    cache = engine.new_cache()
    engine.close()
    engine.close()
    with pytest.raises(GenerationError, match="closed"):
        engine.forward(cache, some_ids(3), rows(np.arange(3)))


def filled(engine, length, seed):
    cache = engine.new_cache()
    engine.forward(cache, some_ids(length, seed=seed), rows(np.arange(length)))
    return cache


def tokens(step):
    return np.array([(17 * step + 5 * row) % 600 for row in range(len(LENGTHS))])


def test_rows_decode_exactly_as_they_would_alone(engine) -> None:
    assert isinstance(engine, RowsBackend)
    alone = [filled(engine, length, seed) for seed, length in enumerate(LENGTHS)]
    together = engine.new_rows(len(LENGTHS))
    for seed, length in enumerate(LENGTHS):
        together.add(filled(engine, length, seed))
    for step in range(6):
        positions = np.array(together.lengths) + 1
        logits = engine.step(together, tokens(step), positions)
        for row, cache in enumerate(alone):
            expected = engine.forward(cache, tokens(step)[None, row : row + 1], positions[None, row : row + 1])
            # What is borrowed and what is its own are added up one after the other, and rounding may differ.
            np.testing.assert_allclose(logits[row], expected[0], atol=5e-3)
    assert together.lengths == tuple(length + 6 for length in LENGTHS)


def test_a_row_that_leaves_is_replaced_by_the_last(engine) -> None:
    results = []
    for leaving in (None, 0):
        together = engine.new_rows(len(LENGTHS))
        for seed, length in enumerate(LENGTHS):
            together.add(filled(engine, length, seed))
        engine.step(together, tokens(0), np.array(together.lengths))
        if leaving is not None:
            together.remove(leaving)
            assert together.lengths == (LENGTHS[2] + 1, LENGTHS[1] + 1)
        results.append(engine.step(together, np.full(together.count, 9), np.array(together.lengths)))
    whole, rest = results
    np.testing.assert_array_equal(rest, whole[[2, 1]])


def test_more_rows_than_one_pass_takes(engine) -> None:
    cache = filled(engine, 20, 0)
    together = engine.new_rows(11)
    for _ in range(11):
        together.add(cache)
    logits = engine.step(together, np.arange(11), np.full(11, 20))
    for row in (0, 7, 8, 10):
        cache.truncate(20)
        np.testing.assert_allclose(engine.forward(cache, np.array([[row]]), rows([20]))[0], logits[row], atol=5e-3)


def test_rows_keep_what_they_borrowed_when_the_cache_is_fed_other_tokens(engine) -> None:
    cache, other = filled(engine, 50, 0), some_ids(40, seed=8)
    results = []
    for spoilt in (False, True):
        together = engine.new_rows(2)
        for _ in range(2):
            together.add(cache)
        engine.step(together, np.array([3, 4]), np.array([50, 50]))
        if spoilt:
            cache.truncate(20)
            engine.forward(cache, other, rows(np.arange(20, 60)))
        results.append(engine.step(together, np.array([5, 6]), np.array([51, 51])))
        assert together.lengths == (52, 52)
    np.testing.assert_allclose(results[0], results[1], atol=5e-3)


def test_rows_may_outlive_their_cache(engine) -> None:
    cache = filled(engine, 30, 0)
    together = engine.new_rows(1)
    together.add(cache)
    expected = engine.forward(cache, np.array([[7]]), rows([30]))
    del cache
    gc.collect()
    np.testing.assert_allclose(engine.step(together, np.array([7]), np.array([30])), expected, atol=5e-3)


def test_rows_know_their_limits(engine) -> None:
    together = engine.new_rows(1)
    together.add(filled(engine, engine.n_positions - 1, 0))
    for _ in range(together.most - 1):
        together.add(filled(engine, 3, 1))
    with pytest.raises(GenerationError, match=f"room for {together.most}"):
        together.add(filled(engine, 3, 1))
    together = engine.new_rows(1)
    together.add(filled(engine, engine.n_positions - 1, 0))
    engine.step(together, np.array([1]), np.array([engine.n_positions - 1]))
    with pytest.raises(GenerationError, match="positions"):
        engine.step(together, np.array([1]), np.array([0]))
    with pytest.raises(GenerationError, match="being written"):
        together.add(filled(engine, 3, 1))


@pytest.mark.parametrize("format", ["pt", "safetensors"])
def test_a_start_needs_neither_torch_nor_onnx(make_checkpoint, tmp_path: Path, format: str) -> None:
    from companion.inference.checkpoints.files import save_checkpoint

    made = make_checkpoint()
    path = tmp_path / f"model.{format}"
    save_checkpoint(path, made.config, made.encoder_config, made.state_dict, chord_guide=True)
    assert select.has_built_graph(path, "auto")
    script = (
        "import sys; from pathlib import Path; from companion.inference.backends.select import open_ready;"
        "checkpoint, backend, reason = open_ready(Path(sys.argv[1]), 'auto');"
        "print(backend.name, checkpoint.config.n_embd, checkpoint.chord_guide,"
        " [m for m in ('torch', 'onnx', 'onnxruntime', 'transformers') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=True)
    assert done.stdout.split(maxsplit=3) == ["native", "64", "True", "[]\n"]


@pytest.mark.parametrize("format", ["pt", "safetensors"])
def test_weights_that_were_read_without_torch_compute_the_same(make_checkpoint, tmp_path: Path, format: str) -> None:
    from companion.inference.checkpoints.files import load_checkpoint, save_checkpoint

    # Wide enough that the system's allocator writes into the memory of an array as soon as it is freed.
    made = make_checkpoint(512, 2, 8, scale=0.02)
    for number, (name, tensor) in enumerate(made.state_dict.items()):
        if ".ln_" in name:
            tensor += 0.1 * (number + 1)
    path = tmp_path / f"model.{format}"
    save_checkpoint(path, made.config, made.encoder_config, made.state_dict)
    ready = select.open_ready(path, "native")
    assert ready is not None
    ids, positions = some_ids(60), rows(np.arange(60))
    engines = ready[1], opened(load_checkpoint(path))
    quick, slow = (engine.forward(engine.new_cache(), ids, positions) for engine in engines)
    np.testing.assert_array_equal(quick, slow)
    exact = ReferenceBackend.from_checkpoint(load_checkpoint(path))
    assert divergence(exact.forward(exact.new_cache(), ids, positions)[0], quick[0]) < 2e-3


def test_kernels_of_other_sources_are_not_used(monkeypatch: pytest.MonkeyPatch, make_checkpoint) -> None:
    library.open_library.cache_clear()
    monkeypatch.setattr(library, "fingerprint", lambda: "other")
    try:
        assert "other sources" in library.why_not()
        chosen, reason = select.make_backend(make_checkpoint(), "auto")
        assert (chosen.name, "other sources" in reason) == ("onnx", True)
    finally:
        library.open_library.cache_clear()


def test_the_doctor_says_why_a_slower_engine_plays(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert doctor.slower_engine() == []
    library.open_library.cache_clear()
    monkeypatch.setattr(library, "LIBRARY", tmp_path / "missing.so")
    try:
        (said,) = doctor.slower_engine()
        assert "not compiled" in said["what"]
        assert "again" in said["how_to_fix"]
    finally:
        library.open_library.cache_clear()


def test_without_a_compiler_one_line_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("CC", "no-such-compiler")
    with pytest.raises(compiling.CompilingError, match="no C compiler"):
        compiling.compile_library(tmp_path / "library.so")
    assert list(tmp_path.iterdir()) == []


def test_a_compiler_that_fails_leaves_the_old_library(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    target = tmp_path / "library.so"
    target.write_text("old")
    monkeypatch.setenv("CC", "false")
    with pytest.raises(compiling.CompilingError, match="false: "):
        compiling.compile_library(target)
    assert target.read_text() == "old"
