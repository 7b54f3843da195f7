"""Completes a recording when the music is over."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from companion.errors import CompanionError
from companion.midi.file import write_midi
from companion.runtime.recording.folder import ERRORS_NAME, FILE_MODE, LOG_NAME, MIDI_NAME
from companion.runtime.recording.music.transcript import song_of
from companion.runtime.recording.recorder import read_log


def finish_recording(folder: Path) -> str:
    """Write the performance as a MIDI file beside its log and drop an empty error log; one line where that fails."""
    errors, file = folder / ERRORS_NAME, folder / MIDI_NAME
    with suppress(OSError):
        if errors.stat().st_size == 0:
            errors.unlink()
    try:
        write_midi(song_of(read_log(folder / LOG_NAME)), file)
        file.chmod(FILE_MODE)
    except (CompanionError, OSError) as error:
        return str(error)
    return ""
