"""A recorded performance as an audio file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from companion.runtime.recording.folder import LOG_NAME
from companion.runtime.recording.music.transcript import song_of
from companion.runtime.recording.recorder import Log, read_log


def sound_of_recording(
    recording: Path | None, path: Path | None, gain: float, tell: Callable[[str], None] = lambda text: None
) -> list[str]:
    """Render the performance kept in the folder `recording` to `path`; lines that say where it went. Raises SoundError."""
    if path is None or recording is None or not (recording / LOG_NAME).is_file():
        return []
    return sound_of_log(read_log(recording / LOG_NAME), path, gain, tell)


def sound_of_log(log: Log, path: Path, gain: float, tell: Callable[[str], None] = lambda text: None) -> list[str]:
    """Render a log to `path`; `tell` hears how far it is. Raises SoundError."""
    # The synthesizer is for those who want a file: most performances end without one.
    from companion.sound.rendering import write_sound

    seconds = write_sound(
        song_of(log), path, gain=gain, progress=lambda share: tell(f"rendering {path.name} … {share:.0%}")
    )
    return [f"sound: {path} ({seconds:.0f} s)"]
