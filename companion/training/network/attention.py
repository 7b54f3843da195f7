"""Attention over packs: causal, and within each example only.

On a GPU it uses torch's own attention for sequences of varying length (`torch.nn.attention.varlen`), if torch has it. Otherwise
each example gets its own plain attention. `check_attention` compares the one in use with plain attention under a mask.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor
from torch.nn import functional

from companion.errors import TrainingError

try:
    from torch.nn.attention.varlen import varlen_attn
except ImportError:  # torch before 2.10
    varlen_attn = None

LARGEST_ERROR = 0.02  # relative, of bf16 against fp32; a wrong mask gives about 1


def has_varlen(device: torch.device) -> bool:
    """Whether torch's attention for sequences of varying length can be used here."""
    return varlen_attn is not None and device.type == "cuda"


def _causal() -> dict[str, object]:
    """The arguments that make this version of torch's attention causal."""
    assert varlen_attn is not None
    known = inspect.signature(varlen_attn).parameters
    return {"is_causal": True} if "is_causal" in known else {"window_size": (-1, 0)}


def attend(query: Tensor, key: Tensor, value: Tensor, edges: Tensor | Sequence[int], longest: int) -> Tensor:
    """(T, heads, head size) each → the same shape. edges: the starts of examples; a tensor on a GPU, numbers for plain attention."""
    if isinstance(edges, Tensor):
        assert varlen_attn is not None
        half = [part.bfloat16() for part in (query, key, value)]
        return varlen_attn(*half, edges, edges, longest, longest, **_causal())  # pyright: ignore
    parts = []
    for start, end in pairwise(edges):
        one, two, three = (part[start:end].transpose(0, 1)[None] for part in (query, key, value))
        found = functional.scaled_dot_product_attention(one, two, three, is_causal=True)
        parts.append(found[0].transpose(0, 1))
    return torch.cat(parts)


def plain_edges(edges: Tensor) -> list[int]:
    """The edges as numbers, without the repeated last one."""
    return list(dict.fromkeys(edges.tolist()))


def check_attention(device: torch.device, heads: int = 4, head_size: int = 32) -> float:
    """The largest relative error of outputs and gradients against masked plain attention. Raises TrainingError if too large."""
    lengths = (1, 299, 400)
    edges = torch.tensor([0, 1, 300, 700, 700], dtype=torch.int32, device=device)
    generator = torch.Generator().manual_seed(1)
    shape = (sum(lengths), heads, head_size)
    inputs = [torch.randn(shape, generator=generator).to(device).requires_grad_() for _ in range(3)]
    copies = [tensor.detach().clone().requires_grad_() for tensor in inputs]
    place = torch.repeat_interleave(torch.arange(len(lengths)), torch.tensor(lengths)).to(device)
    seen = (place[:, None] == place[None]) & torch.ones(len(place), len(place), dtype=torch.bool, device=device).tril()
    query, key, value = (part.transpose(0, 1)[None] for part in copies)
    wanted = functional.scaled_dot_product_attention(query, key, value, attn_mask=seen)[0].transpose(0, 1)
    places = edges if has_varlen(device) else plain_edges(edges)
    found = attend(inputs[0], inputs[1], inputs[2], places, max(lengths)).float()
    weight = torch.randn(shape, generator=generator).to(device)
    (found * weight).sum().backward()
    (wanted * weight).sum().backward()
    pairs = [
        (found.detach(), wanted.detach()),
        *((one.grad, two.grad) for one, two in zip(inputs, copies, strict=True)),
    ]
    error = max(float((one - two).norm() / two.norm()) for one, two in pairs if one is not None and two is not None)
    if not error < LARGEST_ERROR:
        raise TrainingError(f"packed attention is wrong on {device}: it differs from plain attention by {error:.3f}")
    return error
