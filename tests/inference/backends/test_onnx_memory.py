"""Keys and values as floats and as bytes: what one holds the other can give back, within half a step."""

from __future__ import annotations

import numpy as np
import pytest

from companion.inference.backends.onnx.memory import ENOUGH_ROWS, MARGIN, TYPICAL, Memory

ROWS = 2 * ENOUGH_ROWS


@pytest.fixture
def memory() -> Memory:
    """One layer, two heads; ROWS rows written as floats."""
    memory = Memory(batch=1, layers=1, heads=2, capacity=100, head_size=4, with_bytes=True)
    fill(memory, 0, ROWS)
    memory.wrote_exact(ROWS)
    return memory


def fill(memory: Memory, first: int, last: int, scale: float = 1.0) -> None:
    random = np.random.default_rng(first)
    for array in memory.exact.values():
        array[:, :, first:last] = scale * random.uniform(-1, 1, array[:, :, first:last].shape)


def error(memory: Memory, rows: int) -> float:
    """Largest distance between the two forms, in steps."""
    return max(
        float(np.max(np.abs(memory.packed[name] * memory.scales[name] - exact)[:, :, :rows] / memory.scales[name]))
        for name, exact in memory.exact.items()
    )


def test_bytes_follow_the_floats(memory: Memory) -> None:
    assert memory.can_decode_packed
    assert error(memory, ROWS) <= 0.51
    assert max(float(np.abs(packed).max()) for packed in memory.packed.values()) <= np.ceil(127 / MARGIN)


def test_rows_that_outgrow_the_scale_are_packed_anew(memory: Memory) -> None:
    fill(memory, ROWS, ROWS + 5, scale=4.0)
    memory.wrote_exact(ROWS + 5)
    assert error(memory, ROWS + 5) <= 0.51


def test_rows_decoded_as_bytes_come_back_as_floats(memory: Memory) -> None:
    for packed in memory.packed.values():
        packed[:, :, ROWS] = 50
    memory.wrote_packed(ROWS + 1)
    memory.make_exact(ROWS + 1)
    for name, exact in memory.exact.items():
        np.testing.assert_allclose(exact[0, :, ROWS], 50 * memory.scales[name][0, :, 0])


def test_values_at_the_end_of_the_range_are_noticed(memory: Memory) -> None:
    assert not memory.overflowed(0, ROWS)
    memory.packed["value_0"][0, 1, ROWS, 2] = -128
    assert memory.overflowed(ROWS, ROWS + 1)


def test_silent_channels_get_room_from_the_loud_ones_of_their_head() -> None:
    memory = Memory(batch=1, layers=1, heads=1, capacity=100, head_size=4, with_bytes=True)
    memory.exact["key_0"][..., 1:] = 1.0
    memory.wrote_exact(ROWS)
    assert memory.scales["key_0"][0, 0, 0, 0] * 127 == pytest.approx(TYPICAL * 0.75)


def test_truncated_rows_are_written_over(memory: Memory) -> None:
    memory.truncate(ENOUGH_ROWS - 1)
    assert not memory.can_decode_packed
    fill(memory, ENOUGH_ROWS - 1, ROWS)
    memory.wrote_exact(ROWS)
    assert error(memory, ROWS) <= 0.51


def test_appended_rows_fill_every_sequence(memory: Memory) -> None:
    takes = Memory(batch=3, layers=1, heads=2, capacity=100, head_size=4, with_bytes=True)
    takes.append(memory, 0, ROWS, at=0)
    assert takes.can_decode_packed
    for name, packed in takes.packed.items():
        np.testing.assert_array_equal(packed[2, :, :ROWS], memory.packed[name][0, :, :ROWS])


@pytest.mark.parametrize("louder", [False, True])
def test_rows_from_elsewhere_keep_their_values_between_ours(memory: Memory, louder: bool) -> None:
    """Also where rows in between have outgrown the scale that both had."""
    joined = Memory(batch=1, layers=1, heads=2, capacity=100, head_size=4, with_bytes=True)
    joined.append(memory, 0, 30, at=0)
    own = 5 * np.ones((1, 2, 4, 4), dtype=np.float32) if louder else memory.exact["key_0"][:, :, 3:7].copy()
    for exact in joined.exact.values():
        exact[:, :, 30:34] = own
    joined.wrote_exact(34)
    joined.append(memory, 30, ROWS, at=34)
    for name, exact in memory.exact.items():
        expected = np.concatenate([exact[:, :, :30], own, exact[:, :, 30:ROWS]], axis=2)
        np.testing.assert_allclose(joined.exact[name][:, :, : ROWS + 4], expected, atol=1e-6)
        read = joined.packed[name][:, :, : ROWS + 4] * joined.scales[name]
        assert np.abs(read - expected).max() <= 0.51 * joined.scales[name].max()
