"""The black box: the log of everything that a performance's session was told, and when, read back.

The first line of the log describes the performance. Every other line is a record (`records`, `log_lines`). The realtime process makes
the lines and the supervisor writes them (`folder`). A log that ends in the middle of a line is valid up to there, so a crash costs at
most the last moments.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from companion import __version__
from companion.errors import CompanionError
from companion.runtime.ipc.protocol import Setup
from companion.runtime.recording.documents import from_json, to_json
from companion.runtime.recording.log_lines import record_of
from companion.runtime.recording.records import READABLE_VERSIONS, SCHEMA_VERSION, Record
from companion.session.api.settings import SessionSettings

Kind = TypeVar("Kind")


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
