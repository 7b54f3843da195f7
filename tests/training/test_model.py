from __future__ import annotations

import numpy as np
import torch

from companion.training.batches import pad
from companion.training.config import ModelSettings
from companion.training.corpus import Corpus
from companion.training.model import build_model, score_batch, sinusoids
from companion.training.samples import Example
from tests.training.support import maker

CPU = torch.device("cpu")


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
    return torch.nn.functional.cross_entropy(logits[kept[:-1]], wanted, reduction="none")


def test_left_out_tokens_with_kept_positions_equal_attention_masking() -> None:
    torch.manual_seed(0)
    model = build_model(ModelSettings(32, 2, 2, 128), 60).eval()
    ids = torch.randint(0, 60, (40,)).tolist()
    hidden = {10, 11, 12, 25, 26, 27}
    kept = np.array([number for number in range(40) if number not in hidden])
    weights = np.ones(len(kept), np.float32)
    weights[0] = 0
    example = Example(np.array(ids)[kept], kept, weights, np.zeros(len(kept), bool), "live")
    with torch.no_grad():
        score = score_batch(model, pad([example]).batch(), CPU)
        expected = reference_nats(model, ids, hidden)
    assert torch.allclose(score.rows[0, 0], expected.sum(), rtol=1e-5)
    assert score.rows[0, 1] == len(expected)


def test_the_score_of_a_padded_batch_is_the_sum_of_its_examples(corpus: Corpus) -> None:
    source = maker(corpus, max_tokens=512)
    model = build_model(ModelSettings(32, 2, 2, 2048), source.tokenizer.vocabulary.size).eval()
    examples = [source.draw(np.random.default_rng(number)) for number in range(3)]
    with torch.no_grad():
        together = score_batch(model, pad(examples).batch(), CPU)
        alone = [score_batch(model, pad([example]).batch(), CPU) for example in examples]
    assert torch.allclose(together.rows, torch.cat([score.rows for score in alone]), rtol=1e-4)
    assert torch.allclose(together.loss, torch.stack([score.loss for score in alone]).sum(), rtol=1e-4)


def test_one_linear_map_moves_every_position_wave_by_a_fixed_distance() -> None:
    waves = sinusoids(512, 48)
    assert torch.equal(waves[:, :32], torch.zeros(512, 32))
    for distance in (1, 24):
        before, after = waves[: 512 - distance], waves[distance:]
        move = torch.linalg.lstsq(before, after, driver="gelsd").solution
        assert torch.allclose(before @ move, after, atol=1e-3)
