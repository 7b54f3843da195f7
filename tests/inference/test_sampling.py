"""Filters equal midigpt's; draws are legal, follow the distribution and repeat."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from companion.inference.decoding.choosing import _CONTENT_TYPES
from companion.inference.decoding.sampling import (
    SamplingOptions,
    filter_probabilities,
    make_generator,
    probabilities,
    sample,
)
from companion.tokenizer import Vocabulary
from tests import golden

FILTERS = golden.load("filters")
OPTIONS = st.builds(
    SamplingOptions,
    temperature=st.floats(0.05, 3.0),
    top_k=st.integers(0, 12),
    top_p=st.floats(0.05, 1.0),
    mask_k=st.integers(0, 12),
    mask_p=st.floats(0.0, 0.95),
)


def content_of(name: str) -> np.ndarray:
    vocabulary = Vocabulary(golden.config(name))
    content = np.zeros(vocabulary.size, dtype=bool)
    for first, size in (vocabulary.domains[t] for t in _CONTENT_TYPES if t in vocabulary):
        content[first : first + size] = True
    return content


@pytest.mark.parametrize("record", FILTERS["outputs"], ids=lambda r: f"{r['case']}-{r['options']}")
def test_filters_keep_what_midigpt_keeps(record):
    logits = FILTERS["inputs"][record["case"]]["legal_logits"]
    ids = np.array([int(token) for token in logits])
    options = SamplingOptions(**record["options"])
    kept = filter_probabilities(
        probabilities(np.array(list(logits.values()), np.float32), 1.0), options, content_of("yellow")[ids]
    )
    assert sorted(ids[kept > 0].tolist()) == record["kept"]
    assert kept.max() == pytest.approx(record["p_max"], abs=2e-5)


@given(options=OPTIONS, seed=st.integers(0, 1000), size=st.integers(1, 60), content=st.booleans())
def test_filters_leave_a_distribution_over_legal_tokens(options, seed, size, content):
    rng = np.random.default_rng(seed)
    probs = probabilities(rng.normal(size=size).astype(np.float32) * 5, options.temperature)
    kept = filter_probabilities(probs, options, rng.random(size) < 0.5 if content else None)
    assert kept.sum() == pytest.approx(1.0)
    assert np.all(kept >= 0)
    survivors = np.flatnonzero(kept)
    assert np.allclose(kept[survivors] / kept[survivors[0]], probs[survivors] / probs[survivors[0]])


@given(options=OPTIONS, seed=st.integers(0, 1000))
def test_a_draw_is_legal_and_repeats(options, seed):
    rng = np.random.default_rng(seed)
    logits, legal = rng.normal(size=100).astype(np.float32) * 4, rng.random(100) < 0.3
    legal[7] = True
    drawn = [sample(logits, legal, options, None, make_generator(seed, 1, 2, 3)) for _ in range(2)]
    assert legal[drawn[0]]
    assert drawn[0] == drawn[1]


def test_draws_follow_the_probabilities():
    logits = np.log(np.array([0.5, 0.3, 0.2, 1e-9], np.float32))
    generator = make_generator(4)
    drawn = [sample(logits, np.array([1, 1, 1, 0], bool), SamplingOptions(), None, generator) for _ in range(4000)]
    assert np.bincount(drawn, minlength=4)[:3] / 4000 == pytest.approx([0.5, 0.3, 0.2], abs=0.03)
    assert max(drawn) < 3


def test_every_part_of_a_seed_changes_the_stream():
    streams = [make_generator(*key).random() for key in [(1,), (2,), (1, 1), (1, 0, 1), (1, 0, 0, 1), (2**40,)]]
    assert len(set(streams)) == len(streams)


def test_masking_the_likeliest_never_removes_structure():
    logits = np.array([5.0, 4.0, 0.0, 0.0], np.float32)  # token 0 ends the bar
    content = np.array([False, True, True, True])
    kept = filter_probabilities(probabilities(logits, 1.0), SamplingOptions(mask_k=2), content)
    assert (kept > 0).tolist() == [True, False, True, True]
