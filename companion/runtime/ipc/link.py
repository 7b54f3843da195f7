"""Pipes between our processes on which no process ever waits.

A `Link` is one end of a local socket pair. Messages travel as `wire` writes them, each with its length before it.
Sending only ever fills a bounded buffer and hands the system what it takes; what does not fit is dropped and counted, and
the other end's death shows as `closed`, never as an exception. A message that does not fit its schema is refused and counted.
"""

from __future__ import annotations

import socket
import struct
from collections import deque
from typing import Any

from companion.runtime.ipc.wire import WireError, decode, encode

_LENGTH = struct.Struct(">I")
MAX_FRAME_BYTES = 64 * 1024 * 1024
BUFFER_BYTES = 8 * 1024 * 1024
_READ_BYTES = 1 << 18
_READS_A_CALL = 8  # limits how much one `receive` takes from a flooding peer


class Link:
    """One end; see the module. `fileno` is for select."""

    def __init__(
        self,
        end: socket.socket,
        buffer_bytes: int = BUFFER_BYTES,
        accepts: frozenset[type] | None = None,
        max_frame_bytes: int = MAX_FRAME_BYTES,
    ) -> None:
        """accepts: the only kinds of message that the other end may send; None for all. A message above max_frame_bytes closes the link."""
        end.setblocking(False)
        self._socket = end
        self._limit = buffer_bytes
        self._accepts = accepts
        self._max_frame_bytes = max_frame_bytes
        self._waiting: deque[memoryview] = deque()
        self._waiting_bytes = 0
        self._newest: Any = None
        self._incoming = bytearray()
        self.closed = False
        self.overlong = False  # closed because of a message that was too long, or was none
        self.dropped = self.refused = 0
        self.fault = ""  # why the last message was refused

    def fileno(self) -> int:
        """The descriptor, -1 when closed."""
        return self._socket.fileno()

    @property
    def pending_bytes(self) -> int:
        """How many bytes the other end has not taken yet."""
        return self._waiting_bytes

    def send(self, value: Any) -> bool:
        """Queue `value` and send as much as possible without waiting. False: it was dropped (the other end is dead or far behind)."""
        frame = self._encoded(value)
        if not frame or self.closed or self._waiting_bytes + len(frame) > self._limit:
            self.dropped += 1
            return False
        self._queue(frame)
        self.flush()
        return not self.closed

    def offer(self, value: Any) -> None:
        """Send `value` when everything before it has gone; a later offer takes its place until then."""
        self._newest = value
        self.flush()

    def flush(self) -> None:
        """Send as much as the system takes now."""
        while not self.closed:
            if not self._waiting:
                if self._newest is None:
                    return
                newest, self._newest = self._newest, None
                if not (frame := self._encoded(newest)):
                    return
                self._queue(frame)
            try:
                sent = self._socket.send(self._waiting[0])
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                self._end()
                return
            self._waiting_bytes -= sent
            if sent == len(self._waiting[0]):
                self._waiting.popleft()
            else:
                self._waiting[0] = self._waiting[0][sent:]

    def receive(self) -> list[Any]:
        """Every complete message that has arrived, oldest first. Never waits."""
        for _ in range(_READS_A_CALL):
            if self.closed:
                break
            try:
                data = self._socket.recv(_READ_BYTES)
            except (BlockingIOError, InterruptedError):
                break
            except OSError:
                data = b""
            if not data:
                self._end()
                break
            self._incoming += data
            if len(data) < _READ_BYTES // 4:
                break
        return self._whole_values() if self._incoming else []

    def close(self) -> None:
        """Close the link. Whatever the other end has not taken is lost."""
        self._end()

    def _encoded(self, value: Any) -> bytes:
        """The message's bytes; empty if it cannot be encoded. Such a fault of ours costs one message and not the loop."""
        try:
            return encode(value)
        except (TypeError, ValueError, OverflowError) as error:
            self._refuse(f"{type(value).__name__}: {error}")
            return b""

    def _queue(self, frame: bytes) -> None:
        self._waiting.append(memoryview(_LENGTH.pack(len(frame)) + frame))
        self._waiting_bytes += len(frame) + _LENGTH.size

    def _whole_values(self) -> list[Any]:
        values: list[Any] = []
        start = 0
        while len(self._incoming) - start >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._incoming, start)
            if length > self._max_frame_bytes:
                self.overlong = True
                self._end()
                break
            end = start + _LENGTH.size + length
            if end > len(self._incoming):
                break
            self._take(self._incoming[start + _LENGTH.size : end], values)
            start = end
        del self._incoming[:start]
        return values

    def _take(self, frame: bytes | bytearray, values: list[Any]) -> None:
        try:
            value = decode(frame)
        except WireError as error:
            self._refuse(str(error))
            return
        if self._accepts is None or type(value) in self._accepts:
            values.append(value)
        else:
            self._refuse(f"{type(value).__name__} is not for the other end to send")

    def _refuse(self, fault: str) -> None:
        self.refused += 1
        self.fault = fault

    def _end(self) -> None:
        if not self.closed:
            self.closed = True
            self._waiting.clear()
            self._waiting_bytes = 0
            self._newest = None
            self._socket.close()
