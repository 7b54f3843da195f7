"""Where music goes when it is written: a MIDI file or, by its name or by wish, an audio file."""

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
    """Write `path`: audio where its name ends in .wav, else a MIDI file. Raises MidiFileError, SoundError."""
    if not is_sound_file(path):
        write_midi(music, path)
        return
    from companion.sound.rendering import write_sound

    write_sound(music, path, gain=gain, progress=progress)
