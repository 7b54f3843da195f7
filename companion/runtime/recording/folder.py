"""The folder of one performance: where it lies, the names of its files, and the writer of its log.

Only the player may read a recording, because what somebody plays at home is private. This module knows lines but not what they say.
"""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from companion.errors import CompanionError

LOG_NAME, MIDI_NAME, ERRORS_NAME = "log.jsonl", "performance.mid", "stderr.log"
FOLDER_MODE, FILE_MODE = 0o700, 0o600


def recordings_dir() -> Path:
    """Where performances are kept unless told otherwise."""
    import platformdirs

    return platformdirs.user_data_path("companion") / "performances"


def new_folder(base: Path | None, title: str) -> Path:
    """Make a folder for one performance. Raises CompanionError if that fails."""
    base = base or recordings_dir()
    word = "".join(letter if letter.isalnum() else "-" for letter in title.lower()).strip("-")[:40]
    stamp = datetime.now().strftime("%Y%m%d-%H%M%S")
    for attempt in range(1000):
        folder = base / "-".join(part for part in (stamp, word, str(attempt or "")) if part)
        try:
            base.mkdir(parents=True, exist_ok=True)
            folder.mkdir(mode=FOLDER_MODE)
        except FileExistsError:
            continue
        except OSError as error:
            raise CompanionError(f"{folder}: no recording can be kept there ({error.strerror})") from None
        return folder
    raise CompanionError(f"{base}: no recording can be kept there (too many of the same second)")


def open_private(path: Path, flags: int) -> int:
    """A descriptor of a file that only its owner may read."""
    return os.open(path, flags | os.O_CREAT, FILE_MODE)


class LogWriter:
    """Appends lines to a log file. A disk that fails ends the log, not the music; `error` then says why.

    Lines are numbered from 0. Those that the file already has are passed over, so that a writer that takes over from one that was killed
    may be handed the last lines again. lost: how many lines never came.
    """

    def __init__(self, folder: Path, first_line: bytes) -> None:
        """Begin a log, or continue an existing one."""
        self.path = folder / LOG_NAME
        self.error = ""
        self.written = self.lost = 0
        self._file: BinaryIO | None = None
        try:
            self._file = os.fdopen(open_private(self.path, os.O_RDWR | os.O_APPEND), "r+b", buffering=0)
            if not self._go_on():
                self._file.write(first_line + b"\n")
        except OSError as error:
            self._fail(error)

    def _go_on(self) -> bool:
        """Whether there were complete lines. Half a line at the end is cut off."""
        assert self._file is not None
        there = self._file.read()
        whole = there.rfind(b"\n") + 1
        self._file.truncate(whole)
        self._file.seek(whole)
        self.written = max(there.count(b"\n") - 1, 0)
        return whole > 0

    def write(self, first: int, lines: bytes) -> None:
        """Append complete lines. The first one has this number."""
        if self._file is None or not lines:
            return
        if first < self.written:
            known, first = lines.splitlines(keepends=True)[self.written - first :], self.written
            lines = b"".join(known)
        self.lost += first - self.written
        self.written = first + lines.count(b"\n")
        left = memoryview(lines)
        try:
            while left:
                left = left[self._file.write(left) or 0 :]
        except OSError as error:
            self._fail(error)

    def close(self) -> None:
        """Finish the file."""
        if self._file is not None:
            try:
                self._file.close()
            except OSError as error:
                self._fail(error)
            self._file = None

    def _fail(self, error: OSError) -> None:
        self.error = f"the recording has stopped: {error.strerror} ({self.path})"
        self._file = None
