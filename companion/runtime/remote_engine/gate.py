"""Answers ZeroMQ's question who may connect (ZAP, https://rfc.zeromq.org/spec/27/): machines with a key that the host knows, and no others.

ZeroMQ asks before a connection carries any message. Whoever has no known key is refused there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from companion.runtime.remote_engine.curve import to_text

if TYPE_CHECKING:
    import zmq

ENDPOINT = "inproc://zeromq.zap.01"
VERSION = b"1.0"
_FIELDS = 6  # version, request id, domain, address, identity, mechanism; the credentials follow


class Gate:
    """`answer` is to be called when `socket` has something to read. knows: whether a public key may come in."""

    def __init__(self, context: zmq.Context, knows: Callable[[str], bool]) -> None:
        import zmq

        self._knows = knows
        self.socket = context.socket(zmq.REP)
        self.socket.linger = 0
        self.socket.bind(ENDPOINT)

    def answer(self) -> str | None:
        """Answer one question. Returns the network address of a machine that was refused; None if it was let in."""
        frames = self.socket.recv_multipart()
        request, address = (frames[1], frames[3].decode(errors="replace")) if len(frames) >= _FIELDS else (b"", "?")
        key = self._key(frames)
        allowed = bool(key) and self._knows(key)
        code, words = (b"200", b"OK") if allowed else (b"400", b"not paired")
        self.socket.send_multipart([VERSION, request, code, words, key.encode() if allowed else b"", b""])
        return None if allowed else address

    def close(self) -> None:
        """Free the socket."""
        self.socket.close()

    @staticmethod
    def _key(frames: list[bytes]) -> str:
        """The public key of whoever knocks, "" without one."""
        if len(frames) != _FIELDS + 1 or frames[0] != VERSION or frames[5] != b"CURVE" or len(frames[6]) != 32:
            return ""
        return to_text(frames[6])
