"""Quantised weights come back within half a step."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from companion.inference.backends.onnx.quantize import quantize_blocks, quantize_per_channel, restore_blocks

WEIGHTS = arrays(np.float32, st.tuples(st.integers(1, 70), st.integers(1, 9)), elements=st.floats(-8, 8, width=16))


@given(WEIGHTS)
def test_per_channel_error_is_half_a_step(weight: np.ndarray) -> None:
    channel = quantize_per_channel(weight)
    assert np.all(np.abs(channel.values * channel.scales - weight) <= 0.51 * channel.scales + 1e-6)


@pytest.mark.parametrize(("bits", "steps"), [(8, 0.51), (4, 1.01)])
@given(weight=WEIGHTS)
def test_block_error_is_bounded_by_the_scale(bits: int, steps: float, weight: np.ndarray) -> None:
    blocks = quantize_blocks(weight, bits, 32)
    restored = restore_blocks(blocks, weight.shape[0])
    bound = steps * np.abs(blocks.scales).repeat(32, axis=1)[:, : weight.shape[0]].T
    assert np.all(np.abs(restored - weight) <= bound + 1e-6)
