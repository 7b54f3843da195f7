"""The realtime process's end of the log: records become numbered lines and go to the current supervisor.

Lines that could not be sent wait. Lines sent recently are kept, so that a supervisor that takes over from a killed one gets
everything that its predecessor may not have written. `LogWriter` knows from the numbers which lines it already has.
"""

from __future__ import annotations

from collections import deque

from companion.runtime.ipc.link import Link
from companion.runtime.ipc.protocol import LogHeader, LogLines
from companion.runtime.recording.log_lines import line_of
from companion.runtime.recording.records import Record

# In messages, of which the realtime process sends twenty a second. A supervisor writes what it has heard within 20 ms.
KEPT, WAITING = 200, 6000


class LogSender:
    """`add` records, `flush` now and then."""

    def __init__(self, header: bytes) -> None:
        self._header = LogHeader(header)
        self._records: list[Record] = []
        self._count = 0
        self._waiting: deque[LogLines] = deque(maxlen=WAITING)
        self._kept: deque[LogLines] = deque(maxlen=KEPT)

    @property
    def waiting(self) -> bool:
        """Whether anything has not been sent yet."""
        return bool(self._records or self._waiting)

    def add(self, record: Record) -> None:
        """Add a record."""
        self._records.append(record)

    def begin(self, link: Link) -> None:
        """Start with a supervisor, the first or another one: send the header, then all lines that are kept here."""
        link.send(self._header)
        self._waiting.extendleft(reversed(self._kept))
        self._kept.clear()

    def flush(self, link: Link) -> None:
        """Send the collected lines, or an empty message as a sign of life. Never waits."""
        if self._records:
            records, self._records = self._records, []
            self._waiting.append(LogLines(self._count, b"".join(line_of(record) + b"\n" for record in records)))
            self._count += len(records)
        elif not self._waiting:
            link.send(LogLines(self._count))
        while self._waiting and link.send(self._waiting[0]):
            self._kept.append(self._waiting.popleft())
