"""GPT-2 over a pool of slots, as plain tensor functions. No allocation depends on a length, so a step can be recorded.

This module knows no grammar and no sampling. It runs on any torch device; steps that are recorded on a GPU run one by one on a
CPU. A step uses few kernels, because launching a kernel costs about as much as running it: one kernel stores keys and values,
and all layers share one mask.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F

if TYPE_CHECKING:
    from companion.inference.checkpoints.files import Checkpoint

BUCKET = 256  # a step reads a slot in whole buckets, so that a recording serves many lengths


class StaticModel:
    """The weights on one device. The state dict's matrices are (in, out); here they are kept (out, in), the order of `linear`."""

    def __init__(self, checkpoint: Checkpoint, device: torch.device, dtype: torch.dtype) -> None:
        self.config = checkpoint.config
        self.device, self.dtype = device, dtype
        self.weights = {
            name: (tensor.T.contiguous() if self._is_matrix(name) else tensor).to(device, dtype)
            for name, tensor in checkpoint.state_dict.items()
        }
        self._all_rows = torch.arange(self.capacity, device=device)
        self._shown, self._hidden = torch.tensor([0.0, -torch.inf], device=device, dtype=dtype)

    @staticmethod
    def _is_matrix(name: str) -> bool:
        return name.endswith(".weight") and (".attn.c_" in name or ".mlp.c_" in name)

    @property
    def capacity(self) -> int:
        """Rows of a slot. The last row is never read; tokens that only fill up a batch are written there."""
        return readable_rows(self.config.n_positions + 1)

    @property
    def _slot_shape(self) -> tuple[int, int, int, int]:
        return self.config.n_layer, 2, self.capacity, self.config.n_embd

    @property
    def slot_bytes(self) -> int:
        """Bytes of the keys and values of one sequence."""
        layers, both, rows, width = self._slot_shape
        return layers * both * rows * width * torch.finfo(self.dtype).bits // 8

    def new_memory(self, slots: int) -> torch.Tensor:
        """Keys and values: [layers, 2, slots, capacity, width]."""
        layers, both, rows, width = self._slot_shape
        shape = (layers, both, slots, rows, width)
        if self.device.type != "cpu":
            return torch.zeros(shape, device=self.device, dtype=self.dtype)
        # On a CPU, numpy's pages become real memory only when they are written.
        return torch.from_numpy(np.zeros(shape, dtype=np.float32)).to(self.dtype)

    def step(
        self,
        memory: torch.Tensor,
        ids: torch.Tensor,
        positions: torch.Tensor,
        rows: torch.Tensor,
        slots: torch.Tensor,
        readable: int,
        last: torch.Tensor | None = None,
        desk: bool = False,
    ) -> torch.Tensor:
        """Write ids at positions to rows `rows` of the slots, all [B, T], and read the first `readable` rows of each slot.

        slots [B]: which slot of `memory` each sequence has. desk: these are the first B slots, so they are read in place.
        last [1]: the token of each sequence whose logits are wanted; None = the last one. Returns logits [B, V], float32. Token t
        sees rows 0..rows[t] of its slot; later rows may hold any finite values.
        """
        weights = self.weights
        batch, tokens = ids.shape
        # The mask is added to the scores in the model's own type. A boolean mask would be converted in every layer.
        unseen = torch.where(self._all_rows[:readable] <= rows[:, None, :, None], self._shown, self._hidden)
        flat = (slots[:, None] * self.capacity + rows).view(-1)
        stream = F.embedding(ids, weights["transformer.wte.weight"]) + F.embedding(
            positions, weights["transformer.wpe.weight"]
        )
        for layer in range(self.config.n_layer):
            prefix = f"transformer.h.{layer}"
            packed = self._linear(f"{prefix}.attn.c_attn", self._norm(f"{prefix}.ln_1", stream))
            packed = packed.view(batch * tokens, 3, -1)
            held = memory[layer]
            held.flatten(1, 2).index_copy_(1, flat, packed[:, 1:].transpose(0, 1))
            read = held[:, :batch, :readable] if desk else held[:, :, :readable].index_select(1, slots)
            attended = self._attention(packed[:, 0].view(batch, tokens, -1), read, unseen)
            stream = stream + self._linear(f"{prefix}.attn.c_proj", attended)
            inner = self._linear(f"{prefix}.mlp.c_fc", self._norm(f"{prefix}.ln_2", stream))
            stream = stream + self._linear(f"{prefix}.mlp.c_proj", F.gelu(inner, approximate="tanh"))
        chosen = stream[:, -1] if last is None else stream.index_select(1, last)[:, 0]
        return F.linear(self._norm("transformer.ln_f", chosen), weights["lm_head.weight"]).float()

    def _attention(self, queries: torch.Tensor, read: torch.Tensor, unseen: torch.Tensor) -> torch.Tensor:
        """queries [B, T, width], keys and values [2, B, rows, width], unseen [B, 1, T, rows] → [B, T, width]."""
        heads = self.config.n_head
        asked = queries.unflatten(-1, (heads, -1)).transpose(1, 2)
        keys, values = read.unflatten(-1, (heads, -1)).transpose(2, 3)
        return F.scaled_dot_product_attention(asked, keys, values, unseen).transpose(1, 2).flatten(2)

    def _linear(self, name: str, x: torch.Tensor) -> torch.Tensor:
        return F.linear(x, self.weights[f"{name}.weight"], self.weights[f"{name}.bias"])

    def _norm(self, name: str, x: torch.Tensor) -> torch.Tensor:
        return F.layer_norm(x, x.shape[-1:], self.weights[f"{name}.weight"], self.weights[f"{name}.bias"], 1e-5)


def readable_rows(rows: int) -> int:
    """`rows` rounded up to whole buckets."""
    return -(-rows // BUCKET) * BUCKET
