from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from companion.inference.backends import reference
from companion.training.config import ModelSettings
from companion.training.examples.batches import lay_out
from companion.training.examples.samples import Example
from companion.training.music.corpus import Corpus
from companion.training.network import attention
from companion.training.network.attention import check_attention
from companion.training.network.model import RowsByProduct, build_model, logits_of, score_batch, sinusoids
from tests.training.support import maker

CPU = torch.device("cpu")
SMALL = ModelSettings(32, 2, 2, 2048)


def batch_of(examples: list[Example], size: int = 2048):
    return lay_out(examples, size, 1024).batch()


def test_packed_examples_get_the_logits_that_transformers_gives_each_alone(corpus: Corpus) -> None:
    source = maker(corpus, max_tokens=512)
    model = build_model(SMALL, source.tokenizer.vocabulary.size).eval()
    plain = reference.build_model(model.config)
    plain.load_state_dict(model.state_dict())
    examples = [source.draw(np.random.default_rng(number)) for number in range(4)]
    with torch.no_grad():
        packed = logits_of(model, batch_of(examples))
        start = 0
        for one in examples:
            ids, positions = torch.from_numpy(one.ids)[None], torch.from_numpy(one.positions)[None]
            alone = plain(input_ids=ids, position_ids=positions, attention_mask=torch.ones_like(ids)).logits[0]
            assert torch.allclose(packed[start : start + len(one.ids)], alone, atol=1e-4)
            start += len(one.ids)


def reference_nats(model: torch.nn.Module, ids: list[int], hidden: set[int]) -> torch.Tensor:
    """Attention masking as inference does it: all tokens present, the hidden ones seen by nobody. (L,) nats of each token."""
    length = len(ids)
    mask = torch.ones(length, length).tril().bool()
    mask[:, sorted(hidden)] = False
    mask |= torch.eye(length).bool()  # a hidden token must see something; nobody sees it
    bias = torch.zeros(length, length).masked_fill(~mask, float("-inf"))[None, None]
    tokens = torch.tensor([ids])
    logits = model(
        input_ids=tokens, attention_mask=bias, position_ids=torch.arange(length)[None], use_cache=False
    ).logits[0]
    kept = [number for number in range(length) if number not in hidden]
    wanted = tokens[0, kept[1:]]
    return functional.cross_entropy(logits[kept[:-1]], wanted, reduction="none")


def test_left_out_tokens_with_kept_positions_equal_attention_masking() -> None:
    torch.manual_seed(0)
    model = build_model(ModelSettings(32, 2, 2, 128), 60).eval()
    plain = reference.build_model(model.config)
    plain.load_state_dict(model.state_dict())
    ids = torch.randint(0, 60, (40,)).tolist()
    hidden = {10, 11, 12, 25, 26, 27}
    kept = np.array([number for number in range(40) if number not in hidden])
    weights = np.ones(len(kept), np.float32)
    weights[0] = 0
    example = Example(np.array(ids)[kept], kept, weights, np.zeros(len(kept), bool), "live")
    with torch.no_grad():
        score = score_batch(model, batch_of([example], 64))
        expected = reference_nats(plain, ids, hidden)
    assert torch.allclose(score.sums[0], expected.sum(), rtol=1e-5)
    assert score.sums[1] == len(expected)


def test_the_score_of_a_pack_is_the_sum_of_its_examples(corpus: Corpus) -> None:
    source = maker(corpus, max_tokens=512)
    model = build_model(SMALL, source.tokenizer.vocabulary.size).eval()
    examples = [source.draw(np.random.default_rng(number)) for number in range(3)]
    with torch.no_grad():
        together = score_batch(model, batch_of(examples))
        alone = [score_batch(model, batch_of([example])) for example in examples]
    assert torch.allclose(together.sums, torch.stack([score.sums for score in alone]).sum(0), rtol=1e-4)
    assert torch.allclose(together.loss, torch.stack([score.loss for score in alone]).sum(), rtol=1e-4)


def test_a_model_is_its_own_best_teacher_and_learns_from_a_better_one(corpus: Corpus) -> None:
    torch.manual_seed(0)
    source = maker(corpus, max_tokens=512)
    size = source.tokenizer.vocabulary.size
    model, other = build_model(SMALL, size).eval(), build_model(SMALL, size).eval()
    batch = batch_of([source.draw(np.random.default_rng(0))])
    with torch.no_grad():
        alike = score_batch(model, batch, model, 1.0)
        apart = score_batch(model, batch, other, 1.0)
    assert alike.mean.item() == pytest.approx(0.0, abs=1e-6)
    assert apart.mean.item() > 0.001
    before = apart.mean.item()
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    for _ in range(5):
        optimizer.zero_grad()
        score_batch(model, batch, other, 1.0).mean.backward()
        optimizer.step()
    with torch.no_grad():
        assert score_batch(model, batch, other, 1.0).mean.item() < before
    assert all(weight.grad is None for weight in other.parameters())


def test_gradients_of_the_embedding_by_a_product_are_those_by_addition() -> None:
    torch.manual_seed(0)
    ids, seed = torch.randint(0, 20, (100,)), torch.randn(100, 8)
    weights = [torch.randn(20, 8, generator=torch.Generator().manual_seed(1)).requires_grad_() for _ in range(2)]
    found = RowsByProduct.apply(weights[0], ids)
    wanted = functional.embedding(ids, weights[1])
    assert torch.equal(found, wanted)
    (found * seed).sum().backward()
    (wanted * seed).sum().backward()
    assert torch.allclose(weights[0].grad, weights[1].grad, atol=1e-5)


def test_dropout_is_off_when_measuring_and_on_when_training(corpus: Corpus) -> None:
    source = maker(corpus, max_tokens=512)
    model = build_model(ModelSettings(32, 2, 2, 2048, 0.5), source.tokenizer.vocabulary.size)
    batch = batch_of([source.draw(np.random.default_rng(0))])
    with torch.no_grad():
        model.eval()
        assert torch.equal(logits_of(model, batch), logits_of(model, batch))
        model.train()
        assert not torch.equal(logits_of(model, batch), logits_of(model, batch))


def test_packed_attention_is_checked_and_a_wrong_one_is_noticed(monkeypatch) -> None:
    assert check_attention(CPU) < 1e-4
    monkeypatch.setattr(attention, "plain_edges", lambda edges: [0, int(edges[-1])])  # one example sees the other
    with pytest.raises(Exception, match="packed attention is wrong"):
        check_attention(CPU)


def test_one_linear_map_moves_every_position_wave_by_a_fixed_distance() -> None:
    waves = sinusoids(512, 48)
    assert torch.equal(waves[:, :32], torch.zeros(512, 32))
    for distance in (1, 24):
        before, after = waves[: 512 - distance], waves[distance:]
        move = torch.linalg.lstsq(before, after, driver="gelsd").solution
        assert torch.allclose(before @ move, after, atol=1e-3)
