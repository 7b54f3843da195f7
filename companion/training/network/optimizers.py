"""Optimisers.

Muon (Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks"): the momentum of a weight matrix is
replaced by its nearest semi-orthogonal matrix, which a Newton-Schulz iteration finds. Matrices of one shape are stacked, so a step
is a few large products. The fused q|k|v matrix is treated as three matrices. On a GPU the iteration runs in bf16, as published.
On a CPU it runs in fp32, which is faster there for small matrices.
"""

# pyright: reportPrivateImportUsage=false
# torch's own optimisers call the same functions.

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.optim import AdamW, Optimizer

from companion.training.config import OptimizerSettings

_ITERATIONS = 5
_COEFFICIENTS = (3.4445, -4.7750, 2.0315)  # Jordan's quintic: singular values near 1 in five rounds


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

    A weight whose output is three times as wide as its input is taken for a fused q|k|v matrix and treated as three square ones.
    """

    def __init__(self, params: Iterable[nn.Parameter], lr: float, momentum: float, weight_decay: float) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure=None) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Make one update."""
        for settings in self.param_groups:
            stacks: dict[torch.Size, list[nn.Parameter]] = {}
            for weight in settings["params"]:
                if weight.grad is not None:
                    stacks.setdefault(weight.shape, []).append(weight)
            for weights in stacks.values():
                self._update(weights, settings)

    def _update(self, weights: list[nn.Parameter], settings: dict) -> None:
        """Update the matrices of one shape together."""
        gradients: list[Tensor] = [weight.grad for weight in weights if weight.grad is not None]
        momenta: list[Tensor] = []
        matrices: list[Tensor] = [weight.data for weight in weights]
        for weight in weights:
            state = self.state[weight]
            if "momentum" not in state:
                state["momentum"] = torch.zeros_like(weight)
            momenta.append(state["momentum"])
        torch._foreach_lerp_(momenta, gradients, 1 - settings["momentum"])
        directions = torch.stack(torch._foreach_lerp(gradients, momenta, settings["momentum"]))
        count, rows, columns = directions.shape
        if columns == 3 * rows:
            square = directions.view(count, rows, 3, rows).transpose(1, 2).reshape(count * 3, rows, rows)
            steps = _orthogonal(square).view(count, 3, rows, rows).transpose(1, 2).reshape(count, rows, columns)
            columns = rows
        else:
            steps = _orthogonal(directions)
        scale = math.sqrt(max(1.0, columns / rows))
        torch._foreach_mul_(matrices, 1 - settings["lr"] * settings["weight_decay"])
        torch._foreach_add_(matrices, list(steps.unbind(0)), alpha=-settings["lr"] * scale)


def _orthogonal(stack: Tensor) -> Tensor:
    """Run `orthogonalize` in the device's fastest precision. The result has the precision of the input."""
    working = stack.bfloat16() if stack.is_cuda else stack
    return orthogonalize(working).to(stack.dtype)


def build_optimizers(model: nn.Module, settings: OptimizerSettings, fused: bool = True) -> list[Optimizer]:
    """AdamW for everything, or Muon for the blocks' matrices and AdamW for embeddings, output layer, norms and biases.

    Each group keeps its full rate as `base_lr`, for `set_rate`.
    """
    named = [(name, weight) for name, weight in model.named_parameters() if weight.requires_grad]
    inner = [weight for name, weight in named if ".h." in name and weight.ndim == 2] if settings.name == "muon" else []
    taken = {id(weight) for weight in inner}
    matrices = [weight for name, weight in named if weight.ndim == 2 and id(weight) not in taken and "wpe" not in name]
    positions = [weight for name, weight in named if "wpe" in name]
    vectors = [weight for _, weight in named if weight.ndim < 2]
    groups = [
        {"params": matrices, "weight_decay": settings.weight_decay},
        {"params": vectors, "weight_decay": 0.0},
        {"params": positions, "weight_decay": 0.0, "lr": settings.learning_rate * settings.position_rate},
    ]
    betas = (settings.betas[0], settings.betas[1])
    optimizers: list[Optimizer] = [AdamW(groups, lr=settings.learning_rate, betas=betas, eps=1e-8, fused=fused)]
    if inner:
        optimizers.append(Muon(inner, settings.muon_learning_rate, settings.momentum, settings.weight_decay))
    for optimizer in optimizers:
        for part in optimizer.param_groups:
            part["base_lr"] = part["lr"]
    return optimizers


def set_rate(optimizers: Iterable[Optimizer], factor: float) -> None:
    """Set every group's rate to its full rate × factor."""
    for optimizer in optimizers:
        for part in optimizer.param_groups:
            part["lr"] = part["base_lr"] * factor
