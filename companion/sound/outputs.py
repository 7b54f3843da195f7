"""Writes music to a MIDI file or an audio file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from companion.midi.file import write_midi

if TYPE_CHECKING:
    from companion.music import Score
    from companion.music.song import FileSong
    from companion.sound.rendering import Progress

SOUND_SUFFIXES = (".wav", ".wave")


def is_sound_file(path: Path) -> bool:
    """Whether a name asks for audio."""
    return path.suffix.lower() in SOUND_SUFFIXES


def write_music(music: FileSong | Score, path: Path, *, gain: float = 1.0, progress: Progress | None = None) -> None:
    """Write `path` as audio if its name ends in .wav, else as a MIDI file. Raises MidiFileError, SoundError."""
    if not is_sound_file(path):
        write_midi(music, path)
        return
    from companion.sound.rendering import write_sound

    write_sound(music, path, gain=gain, progress=progress)
