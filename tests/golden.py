"""The golden vectors, written by midigpt 0.4.2: the full set beside the project where it is, else the compact one here.

The compact set lacks only the logits of the expressive encoders and their checkpoints.
"""

from __future__ import annotations

import json
import lzma
from functools import cache
from pathlib import Path
from typing import Any

from companion.midi.file import read_midi
from companion.music import Bar, Note, Score, TimeSignature, Track
from companion.tokenizer import EncoderConfig

FULL = Path(__file__).resolve().parents[2] / "shared" / "golden"
COMPACT = Path(__file__).resolve().parent / "data" / "golden"
SHIPPED = ("yellow", "ghost", "expressive")
FAMILY = (*SHIPPED, "prism", "expressive_new")


@cache
def load(name: str) -> Any:
    """The data of one vector file, by its name without ending."""
    full = FULL / f"{name}.json"
    text = full.read_bytes() if full.is_file() else lzma.decompress((COMPACT / f"{name}.json.xz").read_bytes())
    return json.loads(text)["data"]


def midi_path(file: str) -> Path:
    """Path of a MIDI file named like synth/s01_simple.mid in the vectors."""
    return COMPACT / "midi" / Path(file).name


@cache
def read(file: str) -> Score:
    """A golden MIDI file as our reader sees it."""
    return read_midi(midi_path(file), as_midigpt=True)


def checkpoint(name: str, folder: Path) -> Path | None:
    """Path of NAME_tiny.safetensors, unpacked into `folder` if need be; None where only the full set has it."""
    full = FULL / "checkpoints" / f"{name}_tiny.safetensors"
    if full.is_file():
        return full
    packed = COMPACT / "checkpoints" / f"{name}_tiny.safetensors.xz"
    if not packed.is_file():
        return None
    unpacked = folder / f"{name}_tiny.safetensors"
    unpacked.write_bytes(lzma.decompress(packed.read_bytes()))
    return unpacked


def score_of(record: dict[str, Any]) -> Score:
    """A score from the vectors' own notation."""
    tracks = []
    for track in record["tracks"]:
        bars = (Bar(tuple(Note(*n) for n in bar["notes"]), TimeSignature(*bar["ts"])) for bar in track["bars"])
        tracks.append(Track(tuple(bars), track["program"], track["type"] == "drum"))
    return Score(tuple(tracks), record["resolution"], record["tempo"])


@cache
def config(name: str) -> EncoderConfig:
    """An encoder config of ours, or the newer expressive one of the vectors (ours is `expressive_v2`)."""
    if name in (*SHIPPED, "prism"):
        return EncoderConfig.load(name)
    return EncoderConfig.load(COMPACT / f"{name}_encoder.json")
