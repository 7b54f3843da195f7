"""Confidence intervals: whole windows are drawn again."""

from __future__ import annotations

import numpy as np
import pytest

from companion.evaluation.measures.intervals import mean, median, ratio


def test_the_interval_of_a_mean_is_the_normal_one() -> None:
    values = np.random.default_rng(1).normal(5, 2, 400).tolist()
    figure = mean(values)
    assert figure is not None
    half = 1.96 * float(np.std(values)) / 20
    assert figure.value == pytest.approx(np.mean(values))
    assert figure.low == pytest.approx(figure.value - half, abs=0.05)
    assert figure.high == pytest.approx(figure.value + half, abs=0.05)


def test_a_ratio_weighs_cases_by_their_size_and_ignores_empty_ones() -> None:
    figure = ratio([1, 9, 0], [2, 10, 0])
    assert figure is not None
    assert figure.value == pytest.approx(10 / 12)
    assert figure.low <= figure.value <= figure.high


def test_windows_that_agree_leave_no_doubt_and_nothing_is_no_figure() -> None:
    figure = median([3.0] * 10)
    assert figure is not None
    assert (figure.value, figure.low, figure.high) == (3, 3, 3)
    assert ratio([0.0], [0.0]) is None
    assert mean([]) is None
    assert median([]) is None
