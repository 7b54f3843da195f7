"""Packs examples end to end into one fixed shape, in a reproducible order.

Examples are drawn in pools, and a pool fills packs one after the other. A pack takes the oldest example that fits; near its end,
it takes the longest one that fits. Examples that do not fill a last pack are dropped, so there is almost no padding. Every pack
has the same shape, so a step is compiled only once. Example i of pool p depends on (seed, p, i) alone. The stream can therefore
be continued at any pack, by any number of worker processes.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset

from companion.training.examples.samples import Example, SampleMaker

PARENT_CHECK_SECONDS = 2.0
SHORTEST_EXAMPLE = 64  # tokens, approximately; limits the number of examples in a pack
BEST_FIT_SHARE = 0.2  # with less of a pack left, the longest example that fits is taken instead of the oldest
FULL_SHARE = 0.9  # a pool's last pack with a smaller share filled is dropped, unless it is the only one


@dataclass(slots=True)
class Batch:
    """One pack as tensors.

    ids, positions (T,) int64. weights (T,) float32: the weight of predicting each token in the loss. filled (T,) bool: inside a
    fill block. live (T,) bool: in a live example. edges (E + 1,) int32: the start of each example, beginning with 0. The last edge
    is repeated up to a fixed number, so that the shape is always the same. longest: most tokens of an example in a pack.
    """

    ids: torch.Tensor
    positions: torch.Tensor
    weights: torch.Tensor
    filled: torch.Tensor
    live: torch.Tensor
    edges: torch.Tensor
    longest: int

    @property
    def tokens(self) -> int:
        """The number of predicted tokens, without padding and tokens left out of the loss."""
        return int((self.weights > 0).sum())

    def to(self, device: torch.device) -> Batch:
        """The same on a device, copied without waiting where the memory is pinned."""
        tensors = (self.ids, self.positions, self.weights, self.filled, self.live, self.edges)
        ids, positions, weights, filled, live, edges = (tensor.to(device, non_blocking=True) for tensor in tensors)
        return Batch(ids, positions, weights, filled, live, edges, self.longest)


@dataclass(slots=True)
class Pack:
    """A batch as NumPy arrays, the form that worker processes send. Each tensor would need a file descriptor to be sent."""

    ids: NDArray[np.int32]
    positions: NDArray[np.int32]
    weights: NDArray[np.float32]
    filled: NDArray[np.bool_]
    live: NDArray[np.bool_]
    edges: NDArray[np.int32]
    longest: int

    def batch(self) -> Batch:
        """The same as tensors."""
        ids, positions = (torch.from_numpy(array.astype(np.int64)) for array in (self.ids, self.positions))
        weights, filled, live, edges = map(torch.from_numpy, (self.weights, self.filled, self.live, self.edges))
        return Batch(ids, positions, weights, filled, live, edges, self.longest)


def most_examples(size: int) -> int:
    """How many examples a pack of `size` tokens may hold."""
    return max(1, size // SHORTEST_EXAMPLE)


def lay_out(examples: list[Example], size: int, longest: int) -> Pack:
    """One pack of these examples, which fit into it together. The rest is padding with weight 0."""
    used = sum(len(example.ids) for example in examples)
    ids, positions = np.zeros(size, np.int32), np.zeros(size, np.int32)
    weights, filled, live = np.zeros(size, np.float32), np.zeros(size, bool), np.zeros(size, bool)
    edges = np.full(most_examples(size) + size // longest + 2, size, np.int32)
    start = 0
    for number, example in enumerate(examples):
        end = start + len(example.ids)
        ids[start:end], positions[start:end] = example.ids, example.positions
        weights[start:end], filled[start:end] = example.weights, example.filled
        live[start:end] = example.kind == "live"
        edges[number] = start
        start = end
    # Padding is cut into pieces of at most the longest example's length, because attention is told that length.
    padding = np.arange(used, size, longest)
    edges[len(examples) : len(examples) + len(padding)] = padding
    return Pack(ids, positions, weights, filled, live, edges, longest)


def pack(examples: list[Example], size: int, longest: int) -> list[Pack]:
    """Packs of `size` tokens. Raises ValueError for an example that is longer than a pack."""
    if any(len(example.ids) > min(size, longest) for example in examples):
        raise ValueError(f"an example is longer than a pack of {size} tokens")
    waiting = list(examples)
    packs: list[Pack] = []
    while waiting:
        chosen, room = _choose(waiting, size)
        if packs and room > (1 - FULL_SHARE) * size:
            break
        packs.append(lay_out(chosen, size, longest))
    return packs


def _choose(waiting: list[Example], size: int) -> tuple[list[Example], int]:
    """Take the examples of one pack out of `waiting`. Also returns the number of free tokens."""
    chosen: list[Example] = []
    room = size
    while len(chosen) < most_examples(size):
        fitting = [place for place, example in enumerate(waiting) if len(example.ids) <= room]
        if not fitting:
            break
        oldest = room > BEST_FIT_SHARE * size
        place = fitting[0] if oldest else max(fitting, key=lambda at: len(waiting[at].ids))
        chosen.append(waiting.pop(place))
        room -= len(chosen[-1].ids)
    return chosen, room


class PoolDataset(Dataset):
    """Item p holds the packs of pool p, in their order of use."""

    def __init__(self, maker: SampleMaker, seed: int, windows: int, tokens_per_batch: int) -> None:
        self.maker, self.seed, self.windows, self.tokens_per_batch = maker, seed, windows, tokens_per_batch

    def __getitem__(self, pool: int) -> list[Pack]:
        """Packs of one pool."""
        examples = [self.maker.draw(np.random.default_rng((self.seed, pool, number))) for number in range(self.windows)]
        return pack(examples, self.tokens_per_batch, self.maker.settings.max_tokens)


@dataclass(frozen=True, slots=True)
class StreamPosition:
    """The next batch: `batch` of `pool`."""

    pool: int = 0
    batch: int = 0


class _Pools:
    """An endless sampler of pool numbers, every `world`-th from `first` on."""

    def __init__(self, first: int, world: int) -> None:
        self.first, self.world = first, world

    def __iter__(self) -> Iterator[int]:
        pool = self.first
        while True:
            yield pool
            pool += self.world


def _quiet_worker(_: int) -> None:
    torch.set_num_threads(1)
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()


def _end_with(parent: int) -> None:
    """End this process when its parent ends. A killed parent would leave torch's workers waiting for ever on a full pipe."""
    while os.getppid() == parent:
        time.sleep(PARENT_CHECK_SECONDS)
    os._exit(1)


def stream(
    dataset: PoolDataset, start: StreamPosition, workers: int = 0, rank: int = 0, world: int = 1
) -> Iterator[tuple[Batch, StreamPosition]]:
    """Endless batches from `start` on, each with the position after it. Rank r of `world` machines uses pools r, r + world, …"""
    first = start.pool if start.pool or start.batch else rank
    loader = DataLoader(
        dataset,
        sampler=_Pools(first, world),  # pyright: ignore[reportArgumentType]  (an iterable is all it needs)
        batch_size=None,
        num_workers=workers,
        worker_init_fn=_quiet_worker,
        prefetch_factor=2 if workers else None,
    )
    pool, skip = first, start.batch
    for packs in loader:
        for number in range(skip, len(packs)):
            last = number + 1 == len(packs)
            yield packs[number].batch(), StreamPosition(pool + world, 0) if last else StreamPosition(pool, number + 1)
        pool, skip = pool + world, 0


def fixed_batches(maker: SampleMaker, seed: int, windows: int, tokens_per_batch: int) -> list[Batch]:
    """Packs for validation, always the same: `windows` examples of the mixture, of which none is dropped."""
    waiting = [maker.draw(np.random.default_rng((seed, number))) for number in range(windows)]
    batches = []
    while waiting:
        chosen, _ = _choose(waiting, tokens_per_batch)
        batches.append(lay_out(chosen, tokens_per_batch, maker.settings.max_tokens).batch())
    return batches
