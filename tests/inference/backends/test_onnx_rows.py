"""Rows of different lengths in one decoding batch agree with the same sequences decoded alone."""

from __future__ import annotations

import numpy as np
import pytest

from companion.errors import GenerationError
from companion.inference.backends.onnx.backend import OnnxBackend
from companion.inference.backends.rows import RowsBackend

LENGTHS = (70, 33, 120)


def some_ids(count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 600, (1, count))


def filled(backend, length, seed):
    cache = backend.new_cache()
    backend.forward(cache, some_ids(length, seed), np.arange(length)[None])
    return cache


def tokens(step):
    return np.array([(17 * step + 5 * row) % 600 for row in range(len(LENGTHS))])


@pytest.mark.parametrize(("scheme", "bound"), [("fp32", 1e-4), ("q8", 1e-4), ("q8-kv8", 0.3), ("mixed-kv8", 0.3)])
def test_rows_decode_as_they_would_alone(make_checkpoint, tmp_path, scheme, bound):
    backend = OnnxBackend.from_checkpoint(make_checkpoint(), quantization=scheme, cache_dir=tmp_path)
    assert isinstance(backend, RowsBackend)
    alone = [filled(backend, length, seed) for seed, length in enumerate(LENGTHS)]
    rows = backend.new_rows(len(LENGTHS))
    for seed, length in enumerate(LENGTHS):
        rows.add(filled(backend, length, seed))
    for step in range(6):
        positions = np.array(rows.lengths) + 1
        together = backend.step(rows, tokens(step), positions)
        for row, cache in enumerate(alone):
            expected = backend.forward(cache, tokens(step)[None, row : row + 1], positions[None, row : row + 1])
            assert np.abs(together[row] - expected[0]).max() < bound
    assert rows.lengths == tuple(length + 6 for length in LENGTHS)


@pytest.mark.parametrize("scheme", ["q8", "q8-kv8"])
def test_a_row_that_leaves_is_replaced_by_the_last(make_checkpoint, tmp_path, scheme):
    backend = OnnxBackend.from_checkpoint(make_checkpoint(), quantization=scheme, cache_dir=tmp_path)
    results = []
    for leaving in (None, 0):
        rows = backend.new_rows(len(LENGTHS))
        for seed, length in enumerate(LENGTHS):
            rows.add(filled(backend, length, seed))
        backend.step(rows, tokens(0), np.array(rows.lengths))
        if leaving is not None:
            rows.remove(leaving)
            assert rows.lengths == (LENGTHS[2] + 1, LENGTHS[1] + 1)
        results.append(backend.step(rows, np.full(rows.count, 9), np.array(rows.lengths)))
    whole, rest = results
    np.testing.assert_allclose(rest, whole[[2, 1]], atol=1e-4)


def test_rows_know_their_limits(make_checkpoint, tmp_path):
    backend = OnnxBackend.from_checkpoint(make_checkpoint(), quantization="q8-kv8", cache_dir=tmp_path)
    rows = backend.new_rows(1)
    rows.add(filled(backend, backend.n_positions - 1, 0))
    with pytest.raises(GenerationError, match="room for 1"):
        rows.add(filled(backend, 30, 1))
    backend.step(rows, np.array([1]), np.array([backend.n_positions - 1]))
    with pytest.raises(GenerationError, match="positions"):
        backend.step(rows, np.array([1]), np.array([0]))
    with pytest.raises(GenerationError, match="being written"):
        rows.add(filled(backend, 30, 1))
