"""Small songs, and a model small enough to train in a test."""

from __future__ import annotations

import numpy as np

from companion.music import Bar, Note, Score, Track
from companion.tokenizer import EncoderConfig, Tokenizer
from companion.training.config import TrainingConfig
from companion.training.examples.samples import SampleMaker
from companion.training.music.corpus import Corpus

BARS = 16


def make_score(seed: int, bars: int = BARS) -> Score:
    """Drums, bass and chords with a repeating pattern, and some bars of rest."""
    rng = np.random.default_rng(seed)
    root = int(rng.integers(36, 48))
    drums = Bar(tuple(Note(240 * beat, 60, 36 if beat % 2 == 0 else 42, 90 + beat) for beat in range(8)))
    bass = Bar(tuple(Note(480 * beat + 13, 400, root + 7 * (beat % 2), 80) for beat in range(4)))
    chord = Bar(tuple(Note(0, 1900, root + 24 + step, 70) for step in (0, 4, 7)))
    parts = [(drums, 0, True), (bass, 33, False), (chord, 0, False)]
    tracks = [
        Track(tuple(bar if rng.random() < 0.9 else Bar() for _ in range(bars)), program, drum)
        for bar, program, drum in parts
    ]
    return Score(tuple(tracks))


def tiny_config(**tables: dict) -> TrainingConfig:
    """A run of a few steps; `tables` override single keys."""
    table: dict[str, dict] = {
        "run": {
            "workers": 0,
            "pool_windows": 8,
            "valid_windows": 4,
            "threads": 1,
            "log_seconds": 1e9,
            "valid_seconds": 1e9,
        },
        "model": {"width": 32, "layers": 2, "heads": 2, "positions": 1024},
        "samples": {"max_tokens": 1024},
        "optimizer": {"tokens_per_batch": 1024, "steps": 8, "warmup_steps": 2},
    }
    for name, values in tables.items():
        table.setdefault(name, {}).update(values)
    return TrainingConfig.from_dict(table)


def maker(corpus: Corpus, encoder: str = "yellow", **samples: float) -> SampleMaker:
    """Examples of `corpus` for one encoder."""
    return SampleMaker(corpus, Tokenizer(EncoderConfig.load(encoder)), tiny_config(samples=samples).samples, {}, 2048)
