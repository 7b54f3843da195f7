"""The GPT-2 that is trained on packs, and the score of a forward pass.

Its tensors have the names and shapes of transformers' GPT2LMHeadModel, so state dicts can be exchanged. The forward pass is our
own: examples lie end to end, and attention stays within each of them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from companion.inference.checkpoints.files import ModelConfig
from companion.training.config import ModelSettings
from companion.training.examples.batches import Batch
from companion.training.network.attention import attend, has_varlen, plain_edges

WAVE_SIZE = 0.1  # amplitude of the position waves; token embeddings grow from 0.02 to about 0.08
INITIAL_STD = 0.02


class RowsByProduct(torch.autograd.Function):
    """Looks up the rows of an embedding. Its gradient is one matrix product with the one-hot ids.

    Adding up the rows one by one would make thousands of threads wait for the few rows that every example uses.
    """

    @staticmethod
    def forward(ctx, weight: Tensor, ids: Tensor) -> Tensor:
        """(rows, width), (T,) → (T, width)."""
        ctx.save_for_backward(ids)
        ctx.rows = weight.shape[0]
        return weight[ids]

    @staticmethod
    def backward(ctx, *gradients: Tensor) -> tuple[Tensor, None]:
        """The gradient of the weight."""
        (ids,) = ctx.saved_tensors
        (gradient,) = gradients
        dtype = torch.bfloat16 if gradient.is_cuda else gradient.dtype
        one_hot = (torch.arange(ctx.rows, device=ids.device)[:, None] == ids[None]).to(dtype)
        return (one_hot @ gradient.to(dtype)).to(gradient.dtype), None


class _Linear(nn.Module):
    """A linear map stored (in, out), as GPT-2's checkpoints have it."""

    def __init__(self, inputs: int, outputs: int, std: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(inputs, outputs) * std)
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Tensor) -> Tensor:
        return functional.linear(x, self.weight.T, self.bias)


class _Embedding(nn.Module):
    def __init__(self, rows: int, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(rows, width) * INITIAL_STD)


class _Attention(nn.Module):
    def __init__(self, settings: ModelSettings) -> None:
        super().__init__()
        self.heads = settings.heads
        self.c_attn = _Linear(settings.width, 3 * settings.width, INITIAL_STD)
        self.c_proj = _Linear(settings.width, settings.width, INITIAL_STD / math.sqrt(2 * settings.layers))

    def forward(self, x: Tensor, edges: Tensor | Sequence[int], longest: int) -> Tensor:
        tokens, width = x.shape
        query, key, value = self.c_attn(x).view(tokens, 3, self.heads, width // self.heads).unbind(1)
        return self.c_proj(attend(query, key, value, edges, longest).reshape(tokens, width))


class _FeedForward(nn.Module):
    def __init__(self, settings: ModelSettings) -> None:
        super().__init__()
        self.c_fc = _Linear(settings.width, 4 * settings.width, INITIAL_STD)
        self.c_proj = _Linear(4 * settings.width, settings.width, INITIAL_STD / math.sqrt(2 * settings.layers))

    def forward(self, x: Tensor) -> Tensor:
        return self.c_proj(functional.gelu(self.c_fc(x), approximate="tanh"))


class _Block(nn.Module):
    def __init__(self, settings: ModelSettings) -> None:
        super().__init__()
        self.ln_1, self.ln_2 = nn.LayerNorm(settings.width), nn.LayerNorm(settings.width)
        self.attn, self.mlp = _Attention(settings), _FeedForward(settings)
        self.drop = nn.Dropout(settings.dropout)

    def forward(self, x: Tensor, edges: Tensor | Sequence[int], longest: int) -> Tensor:
        x = x + self.drop(self.attn(self.ln_1(x), edges, longest))
        return x + self.drop(self.mlp(self.ln_2(x)))


class _Transformer(nn.Module):
    def __init__(self, settings: ModelSettings, vocab_size: int) -> None:
        super().__init__()
        self.wte, self.wpe = _Embedding(vocab_size, settings.width), _Embedding(settings.positions, settings.width)
        self.h = nn.ModuleList(_Block(settings) for _ in range(settings.layers))
        self.ln_f = nn.LayerNorm(settings.width)
        self.drop = nn.Dropout(settings.dropout)
        with torch.no_grad():
            self.wpe.weight.add_(sinusoids(settings.positions, settings.width))

    def forward(self, ids: Tensor, positions: Tensor, edges: Tensor | Sequence[int], longest: int) -> Tensor:
        rows = RowsByProduct.apply(self.wte.weight, ids)
        assert isinstance(rows, Tensor)
        x = self.drop(rows + self.wpe.weight[positions])
        for block in self.h:
            x = block(x, edges, longest)
        return self.ln_f(x)


class PackedGPT2(nn.Module):
    """GPT-2 on packs, its output layer not tied to the embedding (as MIDI-GPT's checkpoints need)."""

    def __init__(self, settings: ModelSettings, vocab_size: int) -> None:
        super().__init__()
        self.config = ModelConfig(vocab_size, settings.positions, settings.width, settings.layers, settings.heads)
        self.transformer = _Transformer(settings, vocab_size)
        self.lm_head = _Embedding(vocab_size, settings.width)

    def forward(self, ids: Tensor, positions: Tensor, edges: Tensor | Sequence[int], longest: int) -> Tensor:
        """ids, positions (T,) → logits (T, vocabulary) in float32."""
        return functional.linear(self.transformer(ids, positions, edges, longest), self.lm_head.weight).float()


def build_model(settings: ModelSettings, vocab_size: int) -> PackedGPT2:
    """A fresh model."""
    return PackedGPT2(settings, vocab_size)


def sinusoids(positions: int, width: int) -> torch.Tensor:
    """(positions, width): waves in a third of the dimensions, 0 in the others. They are added to the fresh position embedding.

    With them, one linear map moves any position by a fixed distance ("the token before", "about a bar ago"). Attention would
    otherwise have to learn this separately for every position. Wavelengths range from 4 tokens to 4 × the number of positions.
    """
    waves = width // 6
    rates = math.pi / 2 * torch.exp(-torch.arange(waves) / max(1, waves) * math.log(positions))
    angles = torch.arange(positions)[:, None] * rates
    result = torch.zeros(positions, width)
    result[:, width - 2 * waves :] = WAVE_SIZE * torch.cat([angles.sin(), angles.cos()], dim=1)
    return result


@dataclass(slots=True)
class Score:
    """The score of one batch, in nats.

    loss, weight: weighted sums over the predicted tokens. sums (6,), unweighted: nats and number of all predicted tokens, of those
    in fill blocks, and of those in fill blocks of live examples.
    """

    loss: torch.Tensor
    weight: torch.Tensor
    sums: torch.Tensor

    @property
    def mean(self) -> torch.Tensor:
        """The weighted mean loss, to be minimised."""
        return self.loss / self.weight.clamp(min=1e-9)


def logits_of(model: nn.Module, batch: Batch) -> Tensor:
    """Logits (T, vocabulary) of a batch on the model's device."""
    packed = has_varlen(batch.ids.device)
    return model(batch.ids, batch.positions, batch.edges if packed else plain_edges(batch.edges), batch.longest)


def score_batch(model: nn.Module, batch: Batch, teacher: nn.Module | None = None, teacher_share: float = 0.0) -> Score:
    """The next-token loss of one batch. An example's first token has weight 0, so no example predicts the start of the next.

    With a teacher, `teacher_share` of the loss is the Kullback-Leibler divergence from its distributions (Hinton et al. 2015,
    at temperature 1).
    """
    logits = logits_of(model, batch)[:-1]
    chances = torch.log_softmax(logits, -1)
    nats = functional.nll_loss(chances, batch.ids[1:], reduction="none")
    loss = nats
    if teacher is not None:
        with torch.no_grad():
            wanted = torch.log_softmax(logits_of(teacher, batch)[:-1], -1)
        divergence = (wanted.exp() * (wanted - chances)).sum(-1)
        loss = (1 - teacher_share) * nats + teacher_share * divergence
    weights = batch.weights[1:]
    counted = (weights > 0).float()
    inside = counted * batch.filled[1:]
    live = inside * batch.live[1:]
    plain = nats.detach()
    sums = torch.stack([value for kept in (counted, inside, live) for value in ((plain * kept).sum(), kept.sum())])
    return Score((loss * weights).sum(), weights.sum(), sums)
