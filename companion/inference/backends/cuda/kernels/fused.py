# pyright: reportMissingImports=false, reportIndexIssue=false
"""A decoding step made of the fused kernels: the model of `cuda.model`, and the sampler of `cuda.writing`, on the same tensors.

Scratch tensors are allocated once, for as many rows as the desk has, so a step can be recorded.
"""

from __future__ import annotations

import torch
import triton

from companion.inference.backends.cuda.kernels import layers
from companion.inference.backends.cuda.kernels.choosing import FusedSampler
from companion.inference.backends.cuda.kernels.layers import PAD
from companion.inference.backends.cuda.model import BUCKET, StaticModel
from companion.inference.backends.cuda.writing.sampling import DeviceSampler

BLOCK_N = 16  # outputs of a program: small, so that even narrow layers keep many processors busy
BLOCK_K = 128
BLOCK_ROWS = 64  # cached rows that attention reads at once


class FusedModel:
    """One token for each row of the desk. Same numbers as `StaticModel.step` up to rounding."""

    def __init__(self, model: StaticModel, rows: int) -> None:
        self._model = model
        config, device, kind = model.config, model.device, model.dtype
        pieces = model.capacity // BUCKET
        self._size = config.n_embd // config.n_head
        self._stream, self._joined, self._packed, self._inner = (
            torch.zeros((rows, times * config.n_embd), device=device, dtype=kind) for times in (1, 1, 3, 4)
        )
        self._block_pieces = triton.next_power_of_2(pieces)
        shape = (rows, config.n_head, pieces)
        self._parts = torch.zeros((*shape, self._size), device=device)
        self._tops, self._sums = torch.zeros(shape, device=device), torch.zeros(shape, device=device)
        self._logits = torch.zeros((rows, config.vocab_size), device=device)

    def step(
        self, memory: torch.Tensor, ids: torch.Tensor, positions: torch.Tensor, rows: torch.Tensor, readable: int
    ) -> torch.Tensor:
        """Write ids at positions to rows `rows` of the first slots, all [B]. Returns logits [B, vocab]; overwritten by the next step."""
        model, weights = self._model, self._model.weights
        width, heads, size = model.config.n_embd, model.config.n_head, self._size
        batch, pieces = len(ids), readable // BUCKET
        tables = weights["transformer.wte.weight"], weights["transformer.wpe.weight"]
        layers.embed[(batch,)](self._stream, ids, positions, *tables, WIDTH=width, BLOCK=triton.next_power_of_2(width))
        for layer in range(model.config.n_layer):
            prefix = f"transformer.h.{layer}"
            self._normed(f"{prefix}.ln_1", f"{prefix}.attn.c_attn", self._packed, batch, gelu=False)
            shared = {"WIDTH": width, "HEADS": heads, "SIZE": size}
            shared["BLOCK_D"] = max(triton.next_power_of_2(size), PAD)
            layers.attend[(batch, heads, pieces)](
                self._parts, self._tops, self._sums, self._packed, memory[layer, 0], memory[layer, 1], rows, size**-0.5,
                model.capacity, pieces, **shared, BUCKET=BUCKET, BLOCK_R=BLOCK_ROWS,
            )  # fmt: skip
            layers.join[(batch, heads)](
                self._joined, self._parts, self._tops, self._sums, pieces, BLOCK_P=self._block_pieces, **shared
            )
            self._added(f"{prefix}.attn.c_proj", self._joined, batch)
            self._normed(f"{prefix}.ln_2", f"{prefix}.mlp.c_fc", self._inner, batch, gelu=True)
            self._added(f"{prefix}.mlp.c_proj", self._inner, batch)
        self._normed("transformer.ln_f", "lm_head", self._logits, batch, gelu=False)
        return self._logits[:batch]

    def _added(self, name: str, x: torch.Tensor, batch: int) -> None:
        """Add a projection of x to the stream."""
        matrix, width = self._model.weights[f"{name}.weight"], self._model.config.n_embd
        layers.linear_add[(triton.cdiv(width, BLOCK_N),)](
            self._stream, x, matrix, self._model.weights[f"{name}.bias"], batch, WIDTH=matrix.shape[1], OUTPUTS=width,
            BLOCK_K=BLOCK_K, BLOCK_N=BLOCK_N, PAD=PAD,
        )  # fmt: skip

    def _normed(self, norm: str, name: str, out: torch.Tensor, batch: int, gelu: bool) -> None:
        weights, width = self._model.weights, self._model.config.n_embd
        matrix = weights[f"{name}.weight"]
        bias = weights.get(f"{name}.bias")
        layers.norm_linear[(triton.cdiv(len(matrix), BLOCK_N),)](
            out, self._stream, weights[f"{norm}.weight"], weights[f"{norm}.bias"], matrix, matrix if bias is None else bias,
            batch, WIDTH=width, OUTPUTS=len(matrix), GELU=gelu, BIASED=bias is not None, BLOCK_W=triton.next_power_of_2(width),
            BLOCK_K=BLOCK_K, BLOCK_N=BLOCK_N, PAD=PAD,
        )  # fmt: skip


class FusedStep:
    """A whole step of the desk: model, sampler and the next step's inputs."""

    def __init__(self, model: StaticModel, sampler: DeviceSampler) -> None:
        self.model = FusedModel(model, sampler.takes)
        self.sampler = FusedSampler(sampler, model.capacity, model.config.n_positions)
        self._layers = model.config.n_layer

    @property
    def kernels(self) -> int:
        """How many kernels a step starts."""
        return 6 * self._layers + 3

    def run(self, memory: torch.Tensor, fed: torch.Tensor, batch: int, readable: int) -> None:
        """Do one step for the first `batch` rows. fed [4, takes, 1]: see `DeviceWriter`."""
        ids, positions, rows, _ = fed[:, :batch, 0].unbind()
        self.sampler.choose(self.model.step(memory, ids, positions, rows, readable), fed)
