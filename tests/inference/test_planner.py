"""Plans equal midigpt's, and always cover every target once in a window that holds it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from companion.inference.requests.planner import PlanOptions, plan_steps
from tests import golden


@pytest.mark.parametrize("record", golden.load("planner"), ids=lambda r: f"{r['n_bars']}-{r['model_dim']}-{r['bars']}")
def test_plan_equals_midigpts(record):
    targets = {0: record["bars"]}
    roles = ({}, targets) if record["autoregressive"] else (targets, {})
    steps = plan_steps(record["n_bars"], *roles, PlanOptions(record["model_dim"], record["bars_per_step"]))
    found = [
        {
            "window": list(step.window),
            "autoregressive": step.autoregressive,
            "generate": {"0": [bar for _, bar in step.targets]},
        }
        for step in steps
    ]
    assert found == record["plan_042"]


@st.composite
def pieces(draw):
    model_dim = draw(st.sampled_from([4, 8, 12, 16]))
    bars = draw(st.integers(model_dim, 40))
    cells = draw(
        st.dictionaries(st.integers(0, 3), st.sets(st.integers(0, bars - 1), min_size=1), min_size=1, max_size=3)
    )
    suffixes = draw(st.dictionaries(st.integers(4, 5), st.integers(0, bars - 1), max_size=2))
    options = PlanOptions(model_dim, draw(st.integers(0, model_dim)), draw(st.integers(0, 3)))
    infill = {track: sorted(chosen) for track, chosen in cells.items()}
    return bars, infill, {track: list(range(first, bars)) for track, first in suffixes.items()}, options


@given(pieces(), st.none() | st.integers(0, 5))
def test_every_target_is_generated_once_inside_its_window(piece, shuffle_seed):
    bars, infill, autoregressive, options = piece
    steps = plan_steps(bars, infill, autoregressive, options, shuffle_seed)
    done = sorted(cell for step in steps for cell in step.targets)
    assert done == sorted(
        (t, bar) for group in (infill, autoregressive) for t, chosen in group.items() for bar in chosen
    )
    for step in steps:
        assert step.end - step.start == options.model_dim
        assert 0 <= step.start <= min(bar for _, bar in step.targets)
        assert max(bar for _, bar in step.targets) < step.end <= bars
        if step.autoregressive:  # written to the window's end, one track at a time
            assert [bar for _, bar in step.targets] == list(range(step.targets[0][1], step.end))
