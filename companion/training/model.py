"""The GPT-2 that is trained, and what one forward pass is scored by."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch.nn import functional
from transformers import GPT2Config, GPT2LMHeadModel

from companion.training.batches import Batch
from companion.training.config import ModelSettings

WAVE_SIZE = 0.1  # of the position waves; token embeddings start at 0.02 and grow to about 0.08


def build_model(settings: ModelSettings, vocab_size: int) -> GPT2LMHeadModel:
    """A fresh model without dropout, its output layer not tied to the embedding (as MIDI-GPT's checkpoints need)."""
    config = GPT2Config(
        vocab_size=vocab_size,
        n_positions=settings.positions,
        n_embd=settings.width,
        n_layer=settings.layers,
        n_head=settings.heads,
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        activation_function="gelu_pytorch_tanh",  # the same function as gelu_new, in one kernel instead of eight
        tie_word_embeddings=False,
        use_cache=False,
        bos_token_id=None,
        eos_token_id=None,
    )
    config._attn_implementation = "sdpa"
    model = GPT2LMHeadModel(config)
    positions = model.transformer.wpe.weight
    with torch.no_grad():
        positions += sinusoids(settings.positions, settings.width)
    return model


def sinusoids(positions: int, width: int) -> torch.Tensor:
    """(positions, width): waves in a third of the dimensions, nothing in the others; added to the fresh position embedding.

    One linear map then moves any position by a fixed distance ("the token before", "about a bar ago"), which attention would
    otherwise have to learn for every position on its own. Wave lengths: 4 tokens up to 4 × the number of positions.
    """
    waves = width // 6
    rates = math.pi / 2 * torch.exp(-torch.arange(waves) / max(1, waves) * math.log(positions))
    angles = torch.arange(positions)[:, None] * rates
    result = torch.zeros(positions, width)
    result[:, width - 2 * waves :] = WAVE_SIZE * torch.cat([angles.sin(), angles.cos()], dim=1)
    return result


@dataclass(slots=True)
class Score:
    """One batch, in nats. loss, weight: sums over predicted tokens, weighted; rows (B, 4): nats and number of all predicted
    tokens and of those in fill blocks, unweighted."""

    loss: torch.Tensor
    weight: torch.Tensor
    rows: torch.Tensor

    @property
    def mean(self) -> torch.Tensor:
        """The weighted mean loss, to be minimised."""
        return self.loss / self.weight.clamp(min=1e-9)


def score_batch(model: torch.nn.Module, batch: Batch, device: torch.device) -> Score:
    """Next-token loss of one batch. Left-out tokens are absent, so plain causal attention is right.

    The mask of ones is needed: without one, transformers takes a gap in the positions for the start of another sequence
    and lets nothing after it see what is before.
    """
    ids, positions = batch.ids.to(device, non_blocking=True), batch.positions.to(device, non_blocking=True)
    weights, filled = (
        batch.weights.to(device, non_blocking=True)[:, 1:],
        batch.filled.to(device, non_blocking=True)[:, 1:],
    )
    logits = model(input_ids=ids, position_ids=positions, attention_mask=torch.ones_like(ids), use_cache=False).logits[
        :, :-1
    ]
    nats = functional.cross_entropy(logits.float().flatten(0, 1), ids[:, 1:].flatten(), reduction="none").view_as(
        weights
    )
    counted = (weights > 0).float()
    inside = counted * filled
    plain = nats.detach()
    rows = torch.stack([(plain * counted).sum(1), counted.sum(1), (plain * inside).sum(1), inside.sum(1)], dim=1)
    return Score((nats * weights).sum(), weights.sum(), rows)
