"""Optimisers and the learning-rate schedule.

Muon (Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks"): the momentum of a weight matrix is
replaced by its nearest semi-orthogonal matrix, found by Newton-Schulz iteration. Here in fp32, since it is what small
matrices on a CPU are fastest in, and with the fused q|k|v matrix treated as three.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.optim import AdamW, Optimizer

from companion.training.config import OptimizerSettings

_ITERATIONS = 5
_COEFFICIENTS = (3.4445, -4.7750, 2.0315)  # of Jordan's quintic; brings singular values to about 1 in five rounds


def orthogonalize(matrix: Tensor) -> Tensor:
    """(..., m, n) → about U·Vᵀ of its singular value decomposition, by a quintic Newton-Schulz iteration."""
    a, b, c = _COEFFICIENTS
    tall = matrix.size(-2) > matrix.size(-1)
    x = matrix.mT if tall else matrix
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(_ITERATIONS):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.mT if tall else x


class Muon(Optimizer):
    """Muon with Nesterov momentum and decoupled weight decay, for 2-D weights stored (in, out).

    A weight whose output is three times its input is taken for a fused q|k|v and treated as three square ones.
    """

    def __init__(self, params: Iterable[nn.Parameter], lr: float, momentum: float, weight_decay: float) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure=None) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """One update."""
        for settings in self.param_groups:
            for weight in settings["params"]:
                if weight.grad is not None:
                    self._update(weight, weight.grad, settings)

    def _update(self, weight: Tensor, gradient: Tensor, settings: dict) -> None:
        state = self.state[weight]
        if "momentum" not in state:
            state["momentum"] = torch.zeros_like(gradient)
        momentum = state["momentum"]
        momentum.lerp_(gradient, 1 - settings["momentum"])
        direction = gradient.lerp(momentum, settings["momentum"])
        rows, columns = direction.shape
        if columns == 3 * rows:
            step = orthogonalize(direction.view(rows, 3, rows).transpose(0, 1)).transpose(0, 1).reshape(rows, columns)
            columns = rows
        else:
            step = orthogonalize(direction)
        scale = math.sqrt(max(1.0, columns / rows))
        weight.mul_(1 - settings["lr"] * settings["weight_decay"])
        weight.add_(step, alpha=-settings["lr"] * scale)


def build_optimizers(model: nn.Module, settings: OptimizerSettings, fused: bool = True) -> list[Optimizer]:
    """AdamW for everything, or Muon for the blocks' matrices and AdamW for embeddings, output layer, norms and biases.

    Each group keeps its full rate as `base_lr`, for `set_rate`.
    """
    named = [(name, weight) for name, weight in model.named_parameters() if weight.requires_grad]
    inner = [weight for name, weight in named if ".h." in name and weight.ndim == 2] if settings.name == "muon" else []
    taken = {id(weight) for weight in inner}
    matrices = [weight for _, weight in named if weight.ndim == 2 and id(weight) not in taken]
    vectors = [weight for _, weight in named if weight.ndim < 2]
    groups = [{"params": matrices, "weight_decay": settings.weight_decay}, {"params": vectors, "weight_decay": 0.0}]
    betas = (settings.betas[0], settings.betas[1])
    optimizers: list[Optimizer] = [AdamW(groups, lr=settings.learning_rate, betas=betas, eps=1e-8, fused=fused)]
    if inner:
        optimizers.append(Muon(inner, settings.muon_learning_rate, settings.momentum, settings.weight_decay))
    for optimizer in optimizers:
        for part in optimizer.param_groups:
            part["base_lr"] = part["lr"]
    return optimizers


def set_rate(optimizers: Iterable[Optimizer], factor: float) -> None:
    """Every group's rate = its full rate × factor."""
    for optimizer in optimizers:
        for part in optimizer.param_groups:
            part["lr"] = part["base_lr"] * factor


@dataclass(slots=True)
class Schedule:
    """Warm-up, stable, decay (Hu et al. 2024, MiniCPM): the decay can begin at any step, so a run can stop at any time.

    steps: planned length, 0 = open. decay_start, decay_steps: set by `begin_decay`, part of the saved state, so that the
    rates after it depend on steps alone, not on the clock.
    """

    warmup: int
    decay_share: float
    steps: int = 0
    decay_start: int = -1
    decay_steps: int = 0

    def plan(self, step: int, seconds_left: float | None, seconds_used: float, seconds_per_step: float) -> None:
        """Begin the decay when its share of the run is what is left, by steps or by time."""
        if self.decay_start >= 0:
            return
        by_steps = max(1, round(self.decay_share * self.steps))
        if self.steps and step >= self.steps - by_steps:
            self.begin_decay(step, self.steps - step)
        elif seconds_left is not None and seconds_per_step > 0:
            if seconds_left <= self.decay_share * (seconds_used + seconds_left):
                self.begin_decay(step, int(seconds_left / seconds_per_step))

    def begin_decay(self, step: int, steps: int) -> None:
        """Let the rate fall from `step` on, to reach nothing `steps` later."""
        self.decay_start, self.decay_steps = step, max(1, steps)

    def factor(self, step: int) -> float:
        """The share of the full rate at a step counted from 0."""
        rate = min(1.0, (step + 1) / max(1, self.warmup))
        if self.decay_start >= 0:
            rate *= max(0.0, 1 - (step - self.decay_start) / self.decay_steps)
        return rate

    def finished(self, step: int) -> bool:
        """Whether the rate has come to nothing, or the planned steps are done."""
        decayed = self.decay_start >= 0 and step >= self.decay_start + self.decay_steps
        return decayed or bool(self.steps and step >= self.steps)
