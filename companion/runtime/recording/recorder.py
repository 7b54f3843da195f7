"""The black box on disk: a folder for each performance, with a log of everything that its session was told, and when.

The first line of the log describes the performance. Every other line is a record (`records`, `log_lines`). The realtime process makes
the lines and the supervisor writes them. A log that ends in the middle of a line is valid up to there, so a crash costs at most the
last moments. Only the player may read a recording, because what somebody plays at home is private.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import msgspec
import platformdirs

from companion import __version__
from companion.errors import CompanionError
from companion.runtime.ipc.protocol import Setup
from companion.runtime.recording.documents import from_json, to_json
from companion.runtime.recording.log_lines import record_of
from companion.runtime.recording.records import READABLE_VERSIONS, SCHEMA_VERSION, Record
from companion.session.api.settings import SessionSettings

LOG_NAME, MIDI_NAME, ERRORS_NAME = "log.jsonl", "performance.mid", "stderr.log"
FOLDER_MODE, FILE_MODE = 0o700, 0o600
Kind = TypeVar("Kind")


def recordings_dir() -> Path:
    """Where performances are kept unless told otherwise."""
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


def header(setup: Setup, start_seconds: float) -> dict[str, Any]:
    """What the log's first line says."""
    return {
        "companion_log": SCHEMA_VERSION,
        "program": __version__,
        "title": setup.title,
        "created": datetime.now().astimezone().isoformat(timespec="seconds"),
        "start": start_seconds,
        "player": setup.player,
        "settings": to_json(setup.settings),
    }


def header_line(setup: Setup, start_seconds: float) -> bytes:
    """The log's first line, without its end."""
    return msgspec.json.encode(header(setup, start_seconds))


@dataclass(frozen=True, slots=True)
class Log:
    """A log read back."""

    header: Mapping[str, Any]
    records: tuple[Record, ...]
    truncated: bool = False

    @property
    def settings(self) -> SessionSettings:
        """What the session was set up with."""
        return from_json(self.header["settings"])

    @property
    def start_seconds(self) -> float:
        """When the session was made."""
        return float(self.header["start"])

    def of_kind(self, kind: type[Kind]) -> Iterator[Kind]:
        """The records of one kind, in order."""
        return (record for record in self.records if isinstance(record, kind))


def read_log(path: Path) -> Log:
    """Read a log. Raises CompanionError with file and line. Only an unfinished last line is ignored."""
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise CompanionError(f"{path}: cannot be read ({error.strerror})") from None
    try:
        first = msgspec.json.decode(lines[0]) if lines else None
    except msgspec.MsgspecError:
        first = None
    if not isinstance(first, dict) or first.get("companion_log") not in READABLE_VERSIONS:
        known = " or ".join(map(str, READABLE_VERSIONS))
        raise CompanionError(f"{path}: not the log of a performance (its first line should say companion_log: {known})")
    records: list[Record] = []
    for number, line in enumerate(lines[1:], start=2):
        try:
            records.append(record_of(line))
        except (ValueError, KeyError, TypeError) as error:
            if number == len(lines):
                return Log(first, tuple(records), truncated=True)
            raise CompanionError(f"{path}: line {number} is not a record ({error})") from None
    return Log(first, tuple(records))


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
