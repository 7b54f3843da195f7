"""The CPU engine agrees with the reference, rewinds, forks, and finds its graph again on disk."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from onnx import numpy_helper

from companion.errors import CheckpointError, GenerationError
from companion.inference.backends.base import Backend, fork
from companion.inference.backends.onnx.backend import OnnxBackend, open_cached
from companion.inference.backends.reference import ReferenceBackend

GOLDEN = Path(__file__).parents[4] / "shared" / "golden" / "checkpoints"
IDLE_SECONDS = 0.002
GAPPED = np.r_[0:20, 31:50, 90:101]


def some_ids(count: int, batch: int = 1, seed: int = 0) -> npt.NDArray[np.int64]:
    return np.random.default_rng(seed).integers(0, 600, (batch, count))


def rows(positions: npt.ArrayLike, batch: int = 1) -> npt.NDArray[np.int64]:
    return np.tile(np.asarray(positions, dtype=np.int64), (batch, 1))


def busy_during_a_nap() -> float:
    """Seconds of processor time that threads of this process take while it does nothing for 20 ms."""
    before = time.process_time()
    time.sleep(0.02)
    return time.process_time() - before


@pytest.fixture(scope="module")
def engines(make_checkpoint, tmp_path_factory):
    checkpoint = make_checkpoint()
    folder = tmp_path_factory.mktemp("graphs")
    fast = OnnxBackend.from_checkpoint(checkpoint, quantization="fp32", threads=1, cache_dir=folder)
    return fast, ReferenceBackend.from_checkpoint(checkpoint)


def both(engines: tuple[Backend, Backend], steps: list[tuple[npt.NDArray, npt.NDArray]], batch: int = 1):
    caches = [engine.new_cache(batch) for engine in engines]
    for ids, positions in steps:
        yield tuple(engine.forward(cache, ids, positions) for engine, cache in zip(engines, caches, strict=True))


@pytest.mark.parametrize("positions", [np.arange(50), GAPPED], ids=["whole", "gaps"])
def test_agrees_with_the_reference_over_prefill_and_decoding(engines, positions) -> None:
    ids = some_ids(len(positions) + 3)
    steps = [(ids[:, : len(positions)], rows(positions))]
    steps += [(ids[:, at : at + 1], rows([positions[-1] + at])) for at in range(1, 4)]
    for fast, reference in both(engines, steps):
        np.testing.assert_allclose(fast, reference, atol=1e-3)


def test_prefill_in_pieces_equals_prefill_at_once(engines) -> None:
    fast, _ = engines
    ids, positions = some_ids(40), rows(np.arange(40))
    whole = fast.forward(fast.new_cache(), ids, positions)
    cache = fast.new_cache()
    for piece in (slice(0, 15), slice(15, 16), slice(16, 40)):
        pieces = fast.forward(cache, ids[:, piece], positions[:, piece])
    np.testing.assert_allclose(pieces, whole, atol=1e-4)


def test_several_sequences_at_once(engines) -> None:
    ids = some_ids(24, batch=3)
    steps = [
        (ids[:, :20], rows(np.arange(20), 3)),
        (ids[:, 20:23], rows([20, 21, 40], 3)),
        (ids[:, 23:], rows([41], 3)),
    ]
    for fast, reference in both(engines, steps, batch=3):
        np.testing.assert_allclose(fast, reference, atol=1e-3)


def test_truncating_forgets_what_came_after(engines) -> None:
    fast, _ = engines
    ids, other, positions = some_ids(30), some_ids(30, seed=9), rows(np.arange(30))
    cache = fast.new_cache()
    fast.forward(cache, ids[:, :29], positions[:, :29])
    expected = fast.forward(cache, ids[:, 29:], positions[:, 29:])
    cache.truncate(20)
    fast.forward(cache, other[:, 20:], positions[:, 20:])
    cache.truncate(20)
    assert cache.length == 20
    np.testing.assert_allclose(fast.forward(cache, ids[:, 20:], positions[:, 20:]), expected, atol=1e-4)
    np.testing.assert_array_equal(cache.tokens, np.stack([ids[0], positions[0]]))


def test_a_fork_continues_row_zero_and_leaves_it_alone(engines) -> None:
    fast, _ = engines
    ids, positions = some_ids(21), rows(np.arange(21))
    cache = fast.new_cache()
    fast.forward(cache, ids[:, :20], positions[:, :20])
    takes = fork(fast, cache, 3)
    fast.forward(takes, np.array([[5], [6], [7]]), rows([20], 3))
    assert (cache.length, takes.length, takes.batch) == (20, 21, 3)
    takes.truncate(20)
    repeated = fast.forward(takes, np.tile(ids[:, 20:], (3, 1)), rows([20], 3))
    np.testing.assert_allclose(
        repeated, np.tile(fast.forward(cache, ids[:, 20:], positions[:, 20:]), (3, 1)), atol=1e-4
    )


def test_a_failed_step_leaves_the_cache_as_it_was(engines) -> None:
    fast, _ = engines
    cache = fast.new_cache()
    fast.forward(cache, some_ids(10), rows(np.arange(10)))
    with pytest.raises(GenerationError, match="failed"):
        fast.forward(cache, np.array([[10_000]]), rows([10]))
    with pytest.raises(GenerationError, match="256 positions"):
        fast.forward(cache, some_ids(247), rows(np.arange(247)))
    with pytest.raises(GenerationError, match="cannot be cut"):
        cache.truncate(11)
    assert cache.length == 10


@pytest.mark.parametrize(
    ("scheme", "bound"),
    [("int8", 0.02), ("q8", 0.01), ("q4", 0.5), ("int8-kv8", 0.02), ("q8-kv8", 0.02), ("mixed-kv8", 0.02)],
)
def test_quantised_weights_stay_close(make_checkpoint, tmp_path, scheme: str, bound: float) -> None:
    checkpoint = make_checkpoint(128, 3, 4, scale=0.05)
    ids, positions = some_ids(64), rows(np.arange(64))
    distributions = []
    for name in ("fp32", scheme):
        engine = OnnxBackend.from_checkpoint(checkpoint, quantization=name, threads=1, cache_dir=tmp_path)
        cache = engine.new_cache()
        engine.forward(cache, ids[:, :60], positions[:, :60])
        logits = engine.forward(cache, ids[:, 60:], positions[:, 60:])[0]
        distributions.append(logits - np.logaddexp.reduce(logits))
    exact, rough = distributions
    assert 0 < np.sum(np.exp(exact) * (exact - rough)) < bound


@pytest.mark.golden
@pytest.mark.skipif(not GOLDEN.exists(), reason="no golden checkpoints beside the project")
@pytest.mark.parametrize(
    "name", ["yellow_tiny.pt", "ghost_tiny.safetensors", "expressive_tiny.pt", "expressive_new_tiny.pt"]
)
def test_golden_checkpoints(name: str, tmp_path: Path) -> None:
    from companion.inference.checkpoints.files import load_checkpoint

    checkpoint = load_checkpoint(GOLDEN / name)
    engines = (
        OnnxBackend.from_checkpoint(checkpoint, quantization="fp32", cache_dir=tmp_path),
        ReferenceBackend.from_checkpoint(checkpoint),
    )
    for fast, reference in both(engines, [(some_ids(50), rows(GAPPED)), (some_ids(1), rows([120]))]):
        np.testing.assert_allclose(fast, reference, atol=1e-3)


def saved_checkpoint(make_checkpoint, folder: Path):
    from companion.inference.checkpoints.files import load_checkpoint, save_checkpoint

    made = make_checkpoint()
    path = folder / "model.pt"
    save_checkpoint(path, made.config, made.encoder_config, made.state_dict)
    return load_checkpoint(path)


def test_the_second_start_needs_neither_torch_nor_onnx(make_checkpoint, tmp_path: Path) -> None:
    checkpoint = saved_checkpoint(make_checkpoint, tmp_path)
    assert open_cached(checkpoint.path, cache_dir=tmp_path) is None
    OnnxBackend.from_checkpoint(checkpoint, cache_dir=tmp_path)
    script = (
        "import sys, json; from pathlib import Path; from companion.inference.backends.onnx.backend import open_cached;"
        "backend, known = open_cached(Path(sys.argv[1]), cache_dir=Path(sys.argv[2]));"
        "print(json.dumps([known.model_config, len(known.encoder_config) > 0,"
        " [m for m in ('torch', 'onnx', 'transformers') if m in sys.modules]]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(checkpoint.path), str(tmp_path)], capture_output=True, text=True, check=True
    )
    config, has_encoder, heavy = json.loads(done.stdout)
    assert config["n_embd"] == 64
    assert has_encoder
    assert heavy == []


@pytest.mark.parametrize("damage", ["cut", "flipped", "manifest"])
def test_a_damaged_entry_is_built_again(make_checkpoint, tmp_path: Path, damage: str) -> None:
    checkpoint = saved_checkpoint(make_checkpoint, tmp_path)
    ids, positions = some_ids(12), rows(np.arange(12))
    first = OnnxBackend.from_checkpoint(checkpoint, cache_dir=tmp_path)
    expected = first.forward(first.new_cache(), ids, positions)
    graph, (manifest,) = next(tmp_path.glob("*-0.onnx")), tmp_path.glob("*.json")
    data = bytearray(graph.read_bytes())
    if damage == "cut":
        graph.write_bytes(data[: len(data) // 2])
    elif damage == "flipped":
        data[len(data) // 2] ^= 0xFF
        graph.write_bytes(data)
    else:
        manifest.write_text("{")
    assert open_cached(checkpoint.path, cache_dir=tmp_path) is None
    again = OnnxBackend.from_checkpoint(checkpoint, cache_dir=tmp_path)
    np.testing.assert_array_equal(again.forward(again.new_cache(), ids, positions), expected)
    assert open_cached(checkpoint.path, cache_dir=tmp_path) is not None


def test_a_cache_folder_that_cannot_be_written_is_no_obstacle(make_checkpoint, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    engine = OnnxBackend.from_checkpoint(make_checkpoint(), cache_dir=blocked)
    assert np.isfinite(engine.forward(engine.new_cache(), some_ids(3), rows(np.arange(3)))).all()


def test_an_unknown_quantization_is_refused(make_checkpoint, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="q8"):
        OnnxBackend.from_checkpoint(make_checkpoint(), quantization="int3", cache_dir=tmp_path)


def test_prefill_after_decoding_reads_what_was_decoded(make_checkpoint, tmp_path: Path) -> None:
    checkpoint = make_checkpoint(128, 3, 4, scale=0.05)
    ids, positions = some_ids(90), rows(np.arange(90))
    logits = []
    for name in ("fp32", "int8-kv8"):
        engine = OnnxBackend.from_checkpoint(checkpoint, quantization=name, cache_dir=tmp_path)
        cache = engine.new_cache()
        engine.forward(cache, ids[:, :50], positions[:, :50])
        for at in range(50, 60):
            engine.forward(cache, ids[:, at : at + 1], positions[:, at : at + 1])
        logits.append(engine.forward(cache, ids[:, 60:], positions[:, 60:])[0])
    exact, rough = (row - np.logaddexp.reduce(row) for row in logits)
    assert np.sum(np.exp(exact) * (exact - rough)) < 0.02


def test_a_token_beyond_the_range_of_the_prompt_is_computed_on_floats(engines, make_checkpoint, tmp_path: Path) -> None:
    engine = OnnxBackend.from_checkpoint(make_checkpoint(), quantization="q8-kv8", cache_dir=tmp_path)
    steps = [(np.full((1, 40), 7), rows(np.full(40, 5)))]  # whose keys and values are all alike
    steps += [(some_ids(1, seed=step), rows([40 + step])) for step in range(4)]
    for exact, rough in both((engines[0], engine), steps):
        np.testing.assert_allclose(rough, exact, atol=0.02)


def test_takes_decoded_together_equal_takes_decoded_alone(make_checkpoint, tmp_path: Path) -> None:
    engine = OnnxBackend.from_checkpoint(make_checkpoint(), quantization="q8-kv8", cache_dir=tmp_path)
    ids, positions = some_ids(40), rows(np.arange(40))
    cache = engine.new_cache()
    engine.forward(cache, ids, positions)
    choices = [[3, 4, 5], [6, 7, 8]]
    takes = fork(engine, cache, 2)
    for step in range(3):
        together = engine.forward(takes, np.array([[row[step]] for row in choices]), rows([40 + step], 2))
    for row, expected in zip(choices, together, strict=True):
        cache.truncate(40)
        alone = engine.forward(cache, np.array([row]), rows([40, 41, 42]))
        np.testing.assert_allclose(alone[0], expected, atol=0.05)


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="one core: no second thread")
def test_no_thread_spins_on_after_a_run(make_checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    engine = OnnxBackend.from_checkpoint(make_checkpoint(), threads=2, cache_dir=tmp_path)
    cache = engine.new_cache()
    cache._choice.together = True  # threads that spin, where they may
    for _ in range(100):  # torch, which made the weights, has threads that spin on
        if busy_during_a_nap() < IDLE_SECONDS:
            break
    for ids, positions in ((some_ids(60), rows(np.arange(60))), (some_ids(1), rows([60]))):
        engine.forward(cache, ids, positions)
        assert busy_during_a_nap() < IDLE_SECONDS


def test_keys_values_and_the_residual_stream_are_around_zero(make_checkpoint) -> None:
    """What every token has in common is gone from them; `engines` above show that the output is the same."""
    from companion.inference.backends.folding import attention_biases
    from companion.inference.backends.onnx.graph import build_graph

    checkpoint = make_checkpoint()
    weights = {name: tensor.numpy() for name, tensor in checkpoint.state_dict.items()}
    before, _ = attention_biases(weights, 0)
    np.testing.assert_array_equal(before[64:], 0)
    graph = build_graph(weights, checkpoint.config).graph
    constants = {constant.name: numpy_helper.to_array(constant) for constant in graph.initializer}
    for name in ("wte", "wpe", "h.0.projected.weight", "h.0.outer.weight", "h.0.middle.added", "h.0.end.added"):
        np.testing.assert_allclose(constants[name].mean(axis=-1), 0, atol=1e-6)
