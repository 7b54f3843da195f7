from __future__ import annotations

from itertools import islice

import pytest
import torch

from companion.training.batches import LENGTHS, PoolDataset, StreamPosition, fixed_batches, stream
from companion.training.corpus import Corpus
from tests.training.support import maker


def pools(corpus: Corpus) -> PoolDataset:
    return PoolDataset(maker(corpus), seed=7, windows=12, tokens_per_batch=2048)


def same(one: torch.Tensor, two: torch.Tensor) -> bool:
    return one.shape == two.shape and bool((one == two).all())


@pytest.mark.parametrize("workers", [0, 2])
def test_the_stream_continues_from_any_batch_with_any_number_of_workers(corpus: Corpus, workers: int) -> None:
    whole = list(islice(stream(pools(corpus), StreamPosition()), 14))
    for cut in (3, 9):
        rest = list(islice(stream(pools(corpus), whole[cut - 1][1], workers), 14 - cut))
        for (batch, position), (again, position_again) in zip(whole[cut:], rest, strict=True):
            assert position == position_again
            assert same(batch.ids, again.ids)
            assert same(batch.positions, again.positions)


def test_ranks_share_the_pools_between_them(corpus: Corpus) -> None:
    used = []
    for rank in range(2):
        positions = [
            position.pool for _, position in islice(stream(pools(corpus), StreamPosition(rank), 0, rank, 2), 12)
        ]
        used.append(set(positions))
    assert {pool % 2 for pool in used[0]} == {0}
    assert {pool % 2 for pool in used[1]} == {1}


def test_batches_are_padded_to_few_lengths_and_padding_counts_nothing(corpus: Corpus) -> None:
    for batch in fixed_batches(maker(corpus), 1, 24, 2048):
        rows, length = batch.ids.shape
        assert length in LENGTHS
        assert rows * length <= 2048
        assert len(batch.kinds) == rows
        lengths = (batch.positions > 0).sum(1) + 1
        for row, used in enumerate(lengths.tolist()):
            assert not batch.weights[row, used:].any()
            assert not batch.filled[row, used:].any()
    assert batch.tokens > 0
