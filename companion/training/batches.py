"""Examples to padded batches, in an order that a seed and two numbers fix.

Examples are drawn in pools; a pool is sorted by length and cut into batches of about the same number of tokens, padded to
one of a few lengths (every new shape costs kernels and memory). Example i of pool p depends on (seed, p, i) alone, so the
stream can be continued at any batch, by any number of worker processes.
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

from companion.training.samples import Example, SampleMaker

PARENT_CHECK_SECONDS = 2.0
LENGTHS = (128, 256, 384, 512, 640, 768, 896, 1024, 1280, 1536, 1792, 2048)


@dataclass(slots=True)
class Batch:
    """ids, positions (B, L) int64; weights (B, L) float32, 0 on padding; filled (B, L) bool; kinds: of each row."""

    ids: torch.Tensor
    positions: torch.Tensor
    weights: torch.Tensor
    filled: torch.Tensor
    kinds: list[str]

    @property
    def tokens(self) -> int:
        """Predicted tokens: neither padding nor left out of the loss."""
        return int((self.weights > 0).sum())


def padded_length(length: int) -> int:
    """The smallest allowed length that holds `length` tokens."""
    return next((size for size in LENGTHS if size >= length), -(-length // 1024) * 1024)


@dataclass(slots=True)
class Padded:
    """A batch as NumPy arrays, as worker processes send it: tensors would take a file descriptor each on the way."""

    ids: NDArray[np.int32]
    positions: NDArray[np.int32]
    weights: NDArray[np.float32]
    filled: NDArray[np.bool_]
    kinds: list[str]

    def batch(self) -> Batch:
        """The same as tensors."""
        ids, positions = (torch.from_numpy(array.astype(np.int64)) for array in (self.ids, self.positions))
        return Batch(ids, positions, torch.from_numpy(self.weights), torch.from_numpy(self.filled), self.kinds)


def pad(examples: list[Example]) -> Padded:
    """Pad on the right. Padding carries no weight, and causal attention keeps it out of everything before it."""
    shape = (len(examples), padded_length(max(len(example.ids) for example in examples)))
    ids, positions = np.zeros(shape, np.int32), np.zeros(shape, np.int32)
    weights, filled = np.zeros(shape, np.float32), np.zeros(shape, bool)
    for row, example in enumerate(examples):
        length = len(example.ids)
        ids[row, :length], positions[row, :length] = example.ids, example.positions
        weights[row, :length], filled[row, :length] = example.weights, example.filled
    return Padded(ids, positions, weights, filled, [example.kind for example in examples])


def group(examples: list[Example], tokens_per_batch: int) -> list[Padded]:
    """Batches of similar lengths, each at most `tokens_per_batch` tokens with padding (a longer example goes alone)."""
    ordered = sorted(examples, key=lambda example: -len(example.ids))
    batches = []
    while ordered:
        size = max(1, tokens_per_batch // padded_length(len(ordered[0].ids)))
        batches.append(pad(ordered[:size]))
        ordered = ordered[size:]
    return batches


class PoolDataset(Dataset):
    """Item p = the batches of pool p, in their order of use."""

    def __init__(self, maker: SampleMaker, seed: int, windows: int, tokens_per_batch: int) -> None:
        self.maker, self.seed, self.windows, self.tokens_per_batch = maker, seed, windows, tokens_per_batch

    def __getitem__(self, pool: int) -> list[Padded]:
        """Batches of one pool."""
        examples = [self.maker.draw(np.random.default_rng((self.seed, pool, number))) for number in range(self.windows)]
        batches = group(examples, self.tokens_per_batch)
        order = np.random.default_rng((self.seed, pool)).permutation(len(batches))
        return [batches[index] for index in order]


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
    """End this process when its parent has: killed outright, it leaves torch's workers waiting for ever on a full pipe."""
    while os.getppid() == parent:
        time.sleep(PARENT_CHECK_SECONDS)
    os._exit(1)


def stream(
    dataset: PoolDataset, start: StreamPosition, workers: int = 0, rank: int = 0, world: int = 1
) -> Iterator[tuple[Batch, StreamPosition]]:
    """Batches for ever from `start` on, each with the position after it. Rank r of `world` machines uses pools r, r + world, …"""
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
    for batches in loader:
        for number in range(skip, len(batches)):
            last = number + 1 == len(batches)
            yield batches[number].batch(), StreamPosition(pool + world, 0) if last else StreamPosition(pool, number + 1)
        pool, skip = pool + world, 0


def fixed_batches(maker: SampleMaker, seed: int, windows: int, tokens_per_batch: int) -> list[Batch]:
    """Always the same batches, for validation: `windows` examples of the mixture."""
    examples = [maker.draw(np.random.default_rng((seed, number))) for number in range(windows)]
    return [padded.batch() for padded in group(examples, tokens_per_batch)]
