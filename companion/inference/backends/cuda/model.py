"""GPT-2 over a static cache, as plain tensor functions. No allocation depends on the length, so one step can be recorded.

This module knows no grammar and no sampling. It runs on any torch device; steps that are recorded on a GPU run one by one on a
CPU. A step uses few kernels, because launching a kernel costs about as much as running it: one kernel stores keys and values,
and all layers share one mask.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

if TYPE_CHECKING:
    from companion.inference.checkpoints.files import Checkpoint

BUCKET = 256  # a step reads the cache in whole buckets, so that a recording serves many lengths


class StaticModel:
    """The weights on one device. The state dict's matrices are (in, out); here they are kept (out, in), the order of `linear`."""

    def __init__(self, checkpoint: Checkpoint, device: torch.device, dtype: torch.dtype) -> None:
        self.config = checkpoint.config
        self.device, self.dtype = device, dtype
        self._weights = {
            name: (tensor.T.contiguous() if self._is_matrix(name) else tensor).to(device, dtype)
            for name, tensor in checkpoint.state_dict.items()
        }
        self.records = device.type == "cuda"  # steps can be captured once and replayed
        self._all_rows = torch.arange(self.capacity, device=device)
        self._shown, self._hidden = torch.tensor([0.0, -torch.inf], device=device, dtype=dtype)

    @staticmethod
    def _is_matrix(name: str) -> bool:
        return name.endswith(".weight") and (".attn.c_" in name or ".mlp.c_" in name)

    @property
    def capacity(self) -> int:
        """Rows of a memory."""
        return readable_rows(self.config.n_positions)

    def new_memory(self, batch: int) -> torch.Tensor:
        """Keys and values: [layers, 2, batch, heads, capacity, head size]."""
        config = self.config
        shape = (config.n_layer, 2, batch, config.n_head, self.capacity, config.n_embd // config.n_head)
        return torch.zeros(shape, device=self.device, dtype=self.dtype)

    def step(
        self, memory: torch.Tensor, ids: torch.Tensor, positions: torch.Tensor, rows: torch.Tensor, readable: int
    ) -> torch.Tensor:
        """Write ids at positions, both [B, T], to memory rows `rows` [T] and read the first `readable` rows.

        Returns logits [B, V], float32. Token t sees rows 0..rows[t]; later rows may hold any finite values.
        """
        weights = self._weights
        # The mask is added to the scores in the model's own type. A boolean mask would be converted in every layer.
        unseen = torch.where(self._all_rows[None, :readable] <= rows[:, None], self._shown, self._hidden)
        stream = F.embedding(ids, weights["transformer.wte.weight"]) + F.embedding(
            positions, weights["transformer.wpe.weight"]
        )
        for layer in range(self.config.n_layer):
            prefix = f"transformer.h.{layer}"
            stream = stream + self._attention(prefix, self._norm(f"{prefix}.ln_1", stream), memory[layer], rows, unseen)
            inner = self._linear(f"{prefix}.mlp.c_fc", self._norm(f"{prefix}.ln_2", stream))
            stream = stream + self._linear(f"{prefix}.mlp.c_proj", F.gelu(inner, approximate="tanh"))
        last = self._norm("transformer.ln_f", stream[:, -1])
        return F.linear(last, weights["lm_head.weight"]).float()

    def _attention(
        self, prefix: str, x: torch.Tensor, memory: torch.Tensor, rows: torch.Tensor, unseen: torch.Tensor
    ) -> torch.Tensor:
        batch, tokens, width = x.shape
        heads = self.config.n_head
        packed = self._linear(f"{prefix}.attn.c_attn", x).view(batch, tokens, 3, heads, width // heads)
        packed = packed.permute(2, 0, 3, 1, 4)  # 3, batch, heads, tokens, head size
        memory.index_copy_(3, rows, packed[1:])
        readable = memory[:, :, :, : unseen.shape[1]]
        attended = F.scaled_dot_product_attention(packed[0], readable[0], readable[1], unseen)
        return self._linear(f"{prefix}.attn.c_proj", attended.transpose(1, 2).reshape(batch, tokens, width))

    def _linear(self, name: str, x: torch.Tensor) -> torch.Tensor:
        return F.linear(x, self._weights[f"{name}.weight"], self._weights[f"{name}.bias"])

    def _norm(self, name: str, x: torch.Tensor) -> torch.Tensor:
        return F.layer_norm(x, x.shape[-1:], self._weights[f"{name}.weight"], self._weights[f"{name}.bias"], 1e-5)


def readable_rows(rows: int) -> int:
    """`rows` rounded up to whole buckets."""
    return -(-rows // BUCKET) * BUCKET
