"""A folder of a few small songs, and the same kind of songs as a corpus."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from companion.midi.file import write_midi
from companion.training.music.corpus import Corpus, song_from_score
from tests.training.support import make_score

torch.set_num_threads(1)


@pytest.fixture(scope="session")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 MIDI files without a table of splits; enough that train and valid both get some."""
    folder = tmp_path_factory.mktemp("music")
    for seed in range(24):
        write_midi(make_score(seed), folder / f"song{seed:02}.mid")
    return folder


@pytest.fixture(scope="session")
def corpus() -> Corpus:
    return Corpus(tuple(song_from_score(make_score(seed)) for seed in range(8)))
