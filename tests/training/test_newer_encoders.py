"""Training examples for prism and expressive_v2: genre from the table of splits, levels of bars, switches."""

from __future__ import annotations

import numpy as np
import pytest

from companion.tokenizer import Tokenizer, TokenType
from companion.training.config import DataSettings
from companion.training.music.corpus import Corpus, load_corpus
from companion.training.music.listing import list_split
from tests.training.support import make_score, maker


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Corpus:
    """Three files, two of them with a genre: a group's name and an alias."""
    folder = tmp_path_factory.mktemp("music")
    (folder / "set").mkdir()
    rows = ["dataset\tfile\tsplit\tbars\tn_ts\tgenre"]
    for seed, genre in enumerate(("Jazz", "hits of the 1980s", "")):
        (folder / "set" / f"{seed}.mid").write_bytes(make_score(seed).to_midi())
        rows.append(f"set\t{seed}.mid\ttrain\t16\t1\t{genre}")
    (folder / "splits.tsv").write_text("\n".join(rows) + "\n")
    return load_corpus(folder, list_split(folder, "train", DataSettings()), folder / "cache")


def test_the_genre_comes_from_the_table_and_through_the_cache(corpus: Corpus) -> None:
    assert sorted(song.genre for song in corpus.songs) == ["", "Jazz", "hits of the 1980s"]


@pytest.mark.parametrize("encoder", ["prism", "expressive_v2"])
def test_examples_state_genres_bars_and_switches(corpus: Corpus, encoder: str) -> None:
    source = maker(corpus, encoder)
    vocabulary = Tokenizer.load(encoder).vocabulary
    rng = np.random.default_rng(1)
    genres, switched, examples = set(), set(), 0
    for _ in range(120):
        example = source.draw(rng)
        types = [vocabulary.type_of(int(token)) for token in example.ids]
        genres |= {value for name, value in types if name is TokenType.GENRE}
        switched |= {
            (name, value) for name, value in types if name in (TokenType.USE_VELOCITY, TokenType.USE_MICROTIMING)
        }
        if (TokenType.USE_VELOCITY, 0) in types:
            assert TokenType.VELOCITY_LEVEL not in {name for name, _ in types}
        examples += any(name is TokenType.BAR_PITCH_CLASS_SET for name, _ in types)
    assert genres == {vocabulary.genre_index("jazz"), vocabulary.genre_index("pop")}
    assert examples > 90
    assert len(switched) == (4 if encoder == "expressive_v2" else 0)
