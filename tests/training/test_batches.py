from __future__ import annotations

from itertools import islice, pairwise

import numpy as np
import pytest
import torch

from companion.training.examples.batches import PoolDataset, StreamPosition, fixed_batches, pack, stream
from companion.training.examples.samples import Example
from companion.training.music.corpus import Corpus
from companion.training.network.attention import plain_edges
from tests.training.support import maker

SIZE = 4096


def pools(corpus: Corpus) -> PoolDataset:
    return PoolDataset(maker(corpus), seed=7, windows=24, tokens_per_batch=SIZE)


def same(one: torch.Tensor, two: torch.Tensor) -> bool:
    return one.shape == two.shape and bool((one == two).all())


def example(length: int, token: int = 1) -> Example:
    weights = np.ones(length, np.float32)
    weights[0] = 0
    return Example(np.full(length, token), np.arange(length), weights, np.zeros(length, bool), "live")


@pytest.mark.parametrize("workers", [0, 2])
def test_the_stream_continues_from_any_batch_with_any_number_of_workers(corpus: Corpus, workers: int) -> None:
    whole = list(islice(stream(pools(corpus), StreamPosition()), 8))
    for cut in (3, 5):
        rest = list(islice(stream(pools(corpus), whole[cut - 1][1], workers), 8 - cut))
        for (batch, position), (again, position_again) in zip(whole[cut:], rest, strict=True):
            assert position == position_again
            assert same(batch.ids, again.ids)
            assert same(batch.edges, again.edges)


def test_ranks_share_the_pools_between_them(corpus: Corpus) -> None:
    used = []
    for rank in range(2):
        positions = [
            position.pool for _, position in islice(stream(pools(corpus), StreamPosition(rank), 0, rank, 2), 8)
        ]
        used.append(set(positions))
    assert {pool % 2 for pool in used[0]} == {0}
    assert {pool % 2 for pool in used[1]} == {1}


def test_every_pack_has_one_shape_and_its_examples_lie_whole_between_its_edges() -> None:
    lengths = [700, 1000, 300, 900, 500, 800, 400, 600, 1000, 200, 100, 900]
    packs = pack([example(length, 10 + number) for number, length in enumerate(lengths)], 2048, 1024)
    assert len({(found.ids.shape, found.edges.shape) for found in packs}) == 1
    seen = []
    for found in packs:
        for start, end in pairwise(plain_edges(torch.from_numpy(found.edges))):
            tokens = set(found.ids[start:end].tolist())
            assert len(tokens) == 1
            assert end - start <= 1024
            if tokens != {0}:
                (token,) = tokens
                assert end - start == lengths[token - 10]
                assert found.positions[start:end].tolist() == list(range(end - start))
                assert found.weights[start] == 0
                seen.append(token)
            else:
                assert not found.weights[start:end].any()
    assert len(seen) == len(set(seen))


def test_next_to_nothing_is_padding() -> None:
    rng = np.random.default_rng(0)
    examples = [example(int(length)) for length in rng.integers(80, 1000, 400)]
    packs = pack(examples, 8192, 1024)
    tokens = sum(int((found.ids > 0).sum()) for found in packs)
    assert tokens > 0.98 * 8192 * len(packs)
    assert tokens > 0.95 * sum(len(one.ids) for one in examples)


def test_an_example_that_is_too_long_is_refused() -> None:
    with pytest.raises(ValueError, match="longer than a pack"):
        pack([example(300)], 256, 1024)


def test_validation_packs_hold_every_window(corpus: Corpus) -> None:
    source = maker(corpus)
    batches = fixed_batches(source, 1, 10, 2048)
    wanted = sum(int((source.draw(np.random.default_rng((1, number))).weights > 0).sum()) for number in range(10))
    assert sum(batch.tokens for batch in batches) == wanted
