"""The material of measurements: windows of music from a seed or from MIDI files, and checkpoints with random weights.

Knows nothing of engines or clocks. The same seed gives the same music on every machine.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from companion.errors import CompanionError, UsageError
from companion.inference.checkpoints.files import Checkpoint, ModelConfig, load_checkpoint, save_checkpoint
from companion.inference.prompts.prompt import WindowRequest
from companion.music.score import Bar, Note, Score, Track
from companion.music.units import RESOLUTION
from companion.tokenizer.encoder_config import EncoderConfig
from companion.tokenizer.vocabulary import Vocabulary

INSTRUMENTS = ((0, True, 36), (33, False, 36), (0, False, 60), (26, False, 55), (73, False, 72), (48, False, 60))
NOTES_A_BAR = 6  # about 800 tokens in 8 bars of 4 tracks, as much as dense music played live
_RANDOM = re.compile(r"random:(\d+)x(\d+)x(\d+)")


def make_score(bars: int, tracks: int, seed: int) -> Score:
    """`tracks` instruments playing seeded notes on a 16th-note grid in 4/4; track 0 is drums."""
    chance = random.Random(f"companion bench {bars} {tracks} {seed}")
    made = []
    for number in range(tracks):
        program, is_drum, lowest = INSTRUMENTS[number % len(INSTRUMENTS)]
        content = []
        for _ in range(bars):
            onsets = sorted(chance.sample(range(16), NOTES_A_BAR))
            content.append(Bar(tuple(_note(chance, onset, is_drum, lowest) for onset in onsets)))
        made.append(Track(tuple(content), program, is_drum))
    return Score(tuple(made), RESOLUTION)


def _note(chance: random.Random, sixteenth: int, is_drum: bool, lowest: int) -> Note:
    sixteenths = (
        1 if is_drum else min(chance.choice((1, 1, 2, 4)), 16 - sixteenth)
    )  # over the last bar line: one bar more
    onset, duration = (count * RESOLUTION // 4 for count in (sixteenth, sixteenths))
    return Note(onset, duration, lowest + chance.randrange(18), chance.randrange(40, 120))


def one_bar_request(score: Score) -> WindowRequest:
    """Infill the last bar of the second track (of the only one, where there is one)."""
    target = (min(1, len(score.tracks) - 1), score.bar_count - 1)
    return WindowRequest(score, (target,))


def windows_from_files(paths: Sequence[Path], bars: int, tracks: int) -> Iterator[Score]:
    """One window from the middle of every file that has enough bars and fits: its busiest tracks, at most `tracks`."""
    from companion.midi.file import read_midi

    for path in paths:
        try:
            score = read_midi(path)
        except CompanionError:
            continue
        if score.bar_count < bars or not score.tracks:
            continue
        window = score.window(start := (score.bar_count - bars) // 2, start + bars)
        weight = {index: sum(len(bar.notes) for bar in track.bars) for index, track in enumerate(window.tracks)}
        busiest = sorted(sorted(weight, key=lambda index: -weight[index])[:tracks])
        window = window.select_tracks(busiest)
        request = one_bar_request(window)
        track, bar = request.targets[0]
        if window.tracks[track].bars[bar].notes:
            yield window


def midi_files(folder: Path, limit: int, seed: int = 0) -> list[Path]:
    """Up to `limit` files: of the folder's test split where it has a splits.tsv, else any. Raises UsageError for none."""
    splits = folder / "splits.tsv"
    if splits.exists():
        rows = [line.split("\t") for line in splits.read_text(encoding="utf-8").splitlines()]
        header = rows[0]
        at = {name: header.index(name) for name in ("dataset", "file", "split")}
        kept = [row for row in rows[1:] if row[at["split"]] == "test"]
        paths = [folder / row[at["dataset"]] / row[at["file"]] for row in kept]
        paths = [path if path.exists() else folder / row[at["file"]] for path, row in zip(paths, kept, strict=True)]
    else:
        paths = sorted(path for path in folder.rglob("*.mid"))
    paths = [path for path in paths if path.exists()]
    if not paths:
        raise UsageError(f"{folder}: no MIDI files there")
    random.Random(seed).shuffle(paths)
    return paths[:limit]


def find_checkpoint(name: str, folder: Path) -> Checkpoint:
    """A checkpoint by path, by shipped name, or made in `folder`: `random:512x6x8` is width, layers, heads (yellow's vocabulary)."""
    if name.startswith("random:"):
        found = _RANDOM.fullmatch(name)
        if not found:
            raise UsageError(f"{name!r}: write random:WIDTHxLAYERSxHEADS, as in random:512x6x8")
        width, layers, heads = map(int, found.groups())
        encoder = EncoderConfig.load("yellow")
        config = ModelConfig.from_dict(
            {
                "vocab_size": Vocabulary(encoder).size,
                "n_positions": 2048,
                "n_embd": width,
                "n_layer": layers,
                "n_head": heads,
            }
        )
        path = folder / f"{name.replace(':', '-')}.pt"
        save_checkpoint(path, config, encoder, random_weights(config))
        return load_checkpoint(path)
    from companion.inference.checkpoints.hub import find_checkpoint as find_file

    return load_checkpoint(find_file(name))


def random_weights(config: ModelConfig, seed: int = 0) -> dict:
    """GPT-2's initialisation from a seed."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    state = {}
    for name, shape in config.shapes().items():
        is_scale = ".ln_" in name and name.endswith("weight")
        is_bias = name.endswith("bias")
        state[name] = torch.ones(shape) if is_scale else torch.zeros(shape) if is_bias else torch.empty(shape)
        if not (is_scale or is_bias):
            state[name].normal_(0.0, 0.02, generator=generator)
    return state
