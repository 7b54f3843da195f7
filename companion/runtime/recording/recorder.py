"""The black box: a log of everything a session was told, and when, one JSON value a line.

The first line describes the performance; every other is a list that begins with its kind and time (monotonic seconds):

    ["m", arrival, port, hex]        a MIDI message came in       ["r", now, event]     any other event
    ["t", now]                       the session's timer ran      ["c", now]            the session was closed
    ["s", left, port, hex, due, source, position]   it sent this  ["g", now, id, seed, mask mode, bars, targets, tracks]
    ["f", now, id]                   the known part of a request to come was sent ahead
    ["k", now, state, bpm, bar, beat, position, meter]            where the music was: a mark for the tempo map
    ["h", …as "s"]                   a note-off the session forgot (never, one hopes); left is null where no port was there
    ["b", now, start, bpm]           a recorded player begins: their master's clock without its jitter
    ["n", now, notice]  ["p", now, text]  a process ended or began  ["x", now, traceback]  ["e", now, summary]  the end

Records come from the realtime process as tuples and are written by the supervisor. A log that ends in the middle of a line is whole
up to there, so a crash costs at most the last moments.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import platformdirs

from companion import __version__
from companion.errors import CompanionError
from companion.midi.codec import Decoder, encode
from companion.midi.messages import Message
from companion.runtime.ipc.protocol import Record, Setup
from companion.runtime.recording.log_records import from_json, to_json
from companion.session.api.settings import SessionSettings

LOG_NAME, MIDI_NAME, ERRORS_NAME = "log.jsonl", "performance.mid", "stderr.log"
LOG_VERSION = 1
_WIRE = ("m", "s", "h")  # records whose fourth item is a MIDI message


def recordings_dir() -> Path:
    """Where performances are kept unless told otherwise."""
    return platformdirs.user_data_path("companion") / "performances"


def new_folder(base: Path | None, title: str) -> Path:
    """Make a folder for one performance. Raises CompanionError where that is not possible."""
    base = base or recordings_dir()
    word = "".join(letter if letter.isalnum() else "-" for letter in title.lower()).strip("-")[:40]
    stamp = datetime.now().strftime("%Y%m%d-%H%M%S")
    for attempt in range(1000):
        folder = base / "-".join(part for part in (stamp, word, str(attempt or "")) if part)
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        except OSError as error:
            raise CompanionError(f"{folder}: no recording can be kept there ({error.strerror})") from None
        return folder
    raise CompanionError(f"{base}: no recording can be kept there (too many of the same second)")


def header(setup: Setup, start_seconds: float) -> dict[str, Any]:
    """The log's first line."""
    return {
        "companion_log": LOG_VERSION,
        "program": __version__,
        "title": setup.title,
        "created": datetime.now().astimezone().isoformat(timespec="seconds"),
        "start": start_seconds,
        "player": setup.player,
        "settings": to_json(setup.settings),
    }


def line_of(record: Record) -> str:
    """One record as a line without its end."""
    kind = record[0]
    if kind in _WIRE:
        record = (*record[:3], encode(record[3]).hex(), *record[4:])
    return json.dumps([to_json(item) for item in record], separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Log:
    """A log read back. records: tuples as the stage made them, messages and events as values."""

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

    def of_kind(self, kind: str) -> Iterator[Record]:
        """The records of one kind, in order."""
        return (record for record in self.records if record[0] == kind)


def read_log(path: Path) -> Log:
    """Read a log; raises CompanionError naming file and line. Only an unfinished last line is forgiven."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise CompanionError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or 'not text'})") from None
    try:
        first = json.loads(lines[0]) if lines else None
    except ValueError:
        first = None
    if not isinstance(first, dict) or first.get("companion_log") != LOG_VERSION:
        raise CompanionError(f"{path}: not the log of a performance (its first line should say companion_log: 1)")
    records: list[Record] = []
    for number, line in enumerate(lines[1:], start=2):
        try:
            records.append(_record(json.loads(line)))
        except (ValueError, KeyError, IndexError, TypeError) as error:
            if number == len(lines):
                return Log(first, tuple(records), truncated=True)
            raise CompanionError(f"{path}: line {number} is not a record ({error})") from None
    return Log(first, tuple(records))


def _record(items: Any) -> Record:
    if not isinstance(items, list) or not items:
        raise ValueError("not a list")
    if items[0] in _WIRE:
        return (*items[:3], _message(items[3]), *items[4:])
    return tuple(from_json(item) for item in items)


def _message(text: str) -> Message:
    messages = Decoder().feed(bytes.fromhex(text))
    if len(messages) != 1:
        raise ValueError(f"{text!r} is not one MIDI message")
    return messages[0]


class LogWriter:
    """Appends records to a log file. A disk that fails ends the log, not the music; `error` then says why."""

    def __init__(self, folder: Path, first_line: Mapping[str, Any]) -> None:
        self.path = folder / LOG_NAME
        self.error = ""
        self._file: Any = None
        try:
            self._file = self.path.open("w", encoding="utf-8")
            self._file.write(json.dumps(first_line) + "\n")
        except OSError as error:
            self._fail(error)

    def write(self, records: tuple[Record, ...]) -> None:
        """Append, and hand to the system what has gathered."""
        if self._file is None or not records:
            return
        try:
            self._file.write("".join(line_of(record) + "\n" for record in records))
            self._file.flush()
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
        self.error = f"the recording has stopped: {self.path}: {error.strerror}"
        self._file = None
