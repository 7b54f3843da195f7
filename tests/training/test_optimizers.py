from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from companion.training.config import ModelSettings, OptimizerSettings
from companion.training.network.model import build_model
from companion.training.network.optimizers import Muon, build_optimizers, orthogonalize, set_rate
from companion.training.network.schedule import Schedule


@pytest.mark.parametrize("shape", [(16, 16), (8, 32), (32, 8), (3, 16, 16)])
def test_orthogonalized_matrices_have_singular_values_near_one(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    values = torch.linalg.svdvals(orthogonalize(torch.randn(shape)))
    assert values.min() > 0.3
    assert values.max() < 1.3


def test_muon_solves_a_linear_map() -> None:
    torch.manual_seed(0)
    wanted, inputs = torch.randn(8, 8), torch.randn(64, 8)
    weight = torch.nn.Parameter(torch.zeros(8, 8))
    optimizer = Muon([weight], lr=0.05, momentum=0.9, weight_decay=0.0)
    losses = []
    for _ in range(200):
        loss = ((inputs @ weight - inputs @ wanted) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.02 * losses[0]


def test_every_weight_has_one_optimizer() -> None:
    model = build_model(ModelSettings(32, 2, 2, 64), 50)
    optimizers = build_optimizers(model, OptimizerSettings(name="muon"))
    owned = [id(weight) for optimizer in optimizers for group in optimizer.param_groups for weight in group["params"]]
    assert sorted(owned) == sorted(id(weight) for weight in model.parameters())
    set_rate(optimizers, 0.5)
    assert {group["lr"] / group["base_lr"] for optimizer in optimizers for group in optimizer.param_groups} == {0.5}


def test_planned_steps_warm_up_stay_and_decay_to_nothing() -> None:
    schedule = Schedule(warmup=4, decay_share=0.25, steps=20)
    rates = []
    step = 0
    while not schedule.finished(step):
        schedule.plan(step, None, 0.0, 0.0)
        rates.append(schedule.factor(step))
        step += 1
    assert step == 20
    assert rates[:4] == [0.25, 0.5, 0.75, 1.0]
    assert rates[4:16] == [1.0] * 12
    assert rates[15:] == sorted(rates[15:], reverse=True)
    assert rates[-1] == pytest.approx(0.2)


@given(st.lists(st.floats(0.5, 4.0), min_size=150, max_size=150))
def test_a_time_limit_is_met_at_rate_nothing_whatever_the_pace(paces: list[float]) -> None:
    schedule = Schedule(warmup=1, decay_share=0.5)
    limit, used, step, last = 60.0, 0.0, 0, 1.0
    while not schedule.finished(step):
        schedule.plan(step, max(0.0, limit - used), used, paces[step])
        if schedule.finished(step):
            break
        assert schedule.factor(step) <= last + 1e-9
        last = schedule.factor(step)
        used += paces[step]
        step += 1
    assert limit - 4.0 <= used <= limit + 4.0
