"""MIDI files on disk: reads and writes songs and scores. Every error names the file.

companion.music interprets the bytes.
"""

from __future__ import annotations

import os
from pathlib import Path

from companion.errors import MidiFileError
from companion.music.files.chunks import MAX_BYTES
from companion.music.files.songs.song_reader import song_from_bytes
from companion.music.files.songs.song_writer import song_to_bytes
from companion.music.score import Score
from companion.music.song import FileSong


def read_song(source: str | os.PathLike[str] | bytes, resolution: int = 480, *, as_midigpt: bool = False) -> FileSong:
    """Read a file (or its bytes) with all its events; raises MidiFileError naming file and fault.

    as_midigpt: with the parts, bars and note lengths that midigpt reads, for comparisons with it and for training.
    """
    if isinstance(source, (bytes, bytearray, memoryview)):
        return song_from_bytes(bytes(source), resolution, as_midigpt=as_midigpt)
    path = Path(source)
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        raise MidiFileError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})") from None
    try:
        return song_from_bytes(data, resolution, as_midigpt=as_midigpt)
    except MidiFileError as error:
        raise MidiFileError(f"{path}: {error}") from None


def read_midi(source: str | os.PathLike[str] | bytes, resolution: int = 480, *, as_midigpt: bool = False) -> Score:
    """The score alone, on a grid of `resolution` ticks a quarter; raises MidiFileError."""
    return read_song(source, resolution, as_midigpt=as_midigpt).score


def to_bytes(song: FileSong | Score) -> bytes:
    """The bytes of a MIDI file; raises MidiFileError for what a file cannot hold."""
    return song_to_bytes(song)


def write_midi(song: FileSong | Score, path: str | os.PathLike[str]) -> None:
    """Write a song, or a score with one tempo; the file is complete or absent, never half written."""
    data = to_bytes(song)
    target = Path(path)
    partial = target.with_name(f".{target.name}.part")
    try:
        partial.write_bytes(data)
        partial.replace(target)
    except (OSError, ValueError) as error:
        partial.unlink(missing_ok=True)
        raise MidiFileError(f"{target}: cannot be written ({getattr(error, 'strerror', None) or error})") from None
