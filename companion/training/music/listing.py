"""Lists the MIDI files of a split.

This module knows the folder layout (one folder per set, and `splits.tsv` beside them) and reads no music. Without `splits.tsv`
every .mid file under the folder is used, and its split follows from its name alone. The table may have a column `genre`.
"""

from __future__ import annotations

import csv
import hashlib
import math
import random
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from companion.errors import TrainingError
from companion.training.config import DataSettings

SPLITS = ("train", "valid", "test")


@dataclass(frozen=True, slots=True)
class Entry:
    """One MIDI file of a split; `path` is relative to the data folder. genre: "" if unknown."""

    dataset: str
    path: str
    genre: str = ""


def list_split(root: Path, split: str, settings: DataSettings, seed: int = 0) -> list[Entry]:
    """The files of `split` (train, valid, test) that fit `settings`: at most `max_files` (`max_valid_files`), divided by weight.

    The choice depends only on `seed` and the names. Raises TrainingError when no file is left.
    """
    if not root.is_dir():
        raise TrainingError(f"no such data folder: {root}")
    table = root / "splits.tsv"
    entries = _from_table(table, split, settings) if table.is_file() else _from_folder(root, split)
    if settings.weights:
        entries = [entry for entry in entries if settings.weights.get(entry.dataset, 0) > 0]
    if not entries:
        raise TrainingError(f"{root}: no MIDI file for the {split} split (looked for splits.tsv and for .mid files)")
    limit = settings.max_files if split == "train" else settings.max_valid_files
    return _share_out(entries, limit, settings.weights, seed)


def _from_table(table: Path, split: str, settings: DataSettings) -> list[Entry]:
    try:
        with table.open(encoding="utf-8", newline="") as stream:
            rows = list(csv.DictReader(stream, delimiter="\t"))
        return [
            Entry(row["dataset"], f"{row['dataset']}/{row['file']}", (row.get("genre") or "").strip())
            for row in rows
            if row["split"] == split
            and float(row["bars"]) >= settings.min_bars
            and int(row["n_ts"]) <= settings.max_meter_changes
        ]
    except (OSError, KeyError, TypeError, ValueError, csv.Error) as error:
        raise TrainingError(f"{table}: not a table of splits ({error})") from None


def _from_folder(root: Path, split: str) -> list[Entry]:
    files = sorted(path for path in root.rglob("*") if path.suffix.lower() in (".mid", ".midi") and path.is_file())
    names = sorted((path.relative_to(root).as_posix() for path in files), key=_place)
    splits = [_split_at(_place(name)) for name in names]
    if "valid" not in splits and splits.count("train") > 1:
        splits[splits.count("train") - 1] = "valid"  # too few files for the random split to yield one
    chosen = [name for name, part in zip(names, splits, strict=True) if part == split]
    return [Entry(name.partition("/")[0] if "/" in name else "music", name) for name in chosen]


def _place(name: str) -> float:
    """A fixed number in 0..1 for a file name."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big") / 2**32


def _split_at(place: float) -> str:
    """90 % train, 5 % valid, 5 % test."""
    return "train" if place < 0.9 else "valid" if place < 0.95 else "test"


def _share_out(entries: list[Entry], limit: int, weights: Mapping[str, float], seed: int) -> list[Entry]:
    """At most `limit` entries. Each set's number is proportional to its weight or, without weights, to its size."""
    groups: dict[str, list[Entry]] = {}
    for entry in sorted(entries, key=lambda item: item.path):
        groups.setdefault(entry.dataset, []).append(entry)
    shares = {name: weights.get(name, 0.0) if weights else float(len(group)) for name, group in groups.items()}
    total = sum(shares.values())
    chosen = []
    for name, group in sorted(groups.items()):
        random.Random(f"{seed}/{name}").shuffle(group)
        chosen += group[: math.ceil(limit * shares[name] / total)] if limit else group
    return chosen
