"""Who has the engine: one performance at a time. The host's side of the conversation, without socket, clock or engine.

Times are in seconds of one clock. `peer` is a connection; a guest whose connection was lost comes back with another one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from companion import __version__
from companion.runtime.ipc.protocol import (
    REMOTE_PROTOCOL,
    Goodbye,
    Hello,
    Introduce,
    Ping,
    Pong,
    TurnedAway,
    Welcome,
)

SILENT_SECONDS = 5.0  # a guest that has been silent for this long has gone
# The same machine may begin another performance this soon after the last sign of life: the first one was killed.
SAME_MACHINE_SECONDS = 1.0
MAX_NAME = 40


@dataclass(slots=True)
class Seat:
    """The performance that has the engine."""

    peer: bytes
    key: str
    performance: str
    name: str
    heard_seconds: float


class Reception:
    """See the module. `seat` is None while nobody has the engine."""

    def __init__(self) -> None:
        self.seat: Seat | None = None

    def greet(self, hello: Hello, peer: bytes, key: str, now: float) -> Welcome | TurnedAway:
        """Let a performance have the engine, or say why it cannot."""
        if hello.protocol != REMOTE_PROTOCOL:
            return TurnedAway(mismatch(hello, __version__))
        seat = self.seat
        if seat is not None and not self._may_replace(seat, hello, key, now):
            return TurnedAway(f"busy with {seat.name}'s performance; it serves one at a time")
        self.seat = Seat(peer, key, hello.performance, plain_name(hello.name), now)
        return Welcome(__version__)

    def is_served(self, peer: bytes, now: float) -> bool:
        """Whether this connection has the engine. Counts as a sign of life."""
        if self.seat is None or self.seat.peer != peer:
            return False
        self.seat.heard_seconds = now
        return True

    def answer(self, message: object, peer: bytes, now: float) -> Pong | Introduce | None:
        """The answer to a message other than Hello; None where none is due."""
        if not self.is_served(peer, now):
            return None if isinstance(message, Goodbye) else Introduce()
        return Pong(message.number) if isinstance(message, Ping) else None

    def leave(self) -> None:
        """Nobody has the engine any more."""
        self.seat = None

    def is_silent(self, now: float) -> bool:
        """Whether the performance that has the engine has gone without a word."""
        return self.seat is not None and now - self.seat.heard_seconds > SILENT_SECONDS

    @staticmethod
    def _may_replace(seat: Seat, hello: Hello, key: str, now: float) -> bool:
        if seat.key != key:
            return False
        return seat.performance == hello.performance or now - seat.heard_seconds > SAME_MACHINE_SECONDS


def mismatch(hello: Hello, ours: str) -> str:
    """What to say to a program of another version."""
    theirs = f" ({plain_name(hello.program)})" if hello.program else ""
    return (
        f"the engine's companion {ours} speaks version {REMOTE_PROTOCOL} of the messages and this one{theirs} version "
        f"{hello.protocol}: install the same version on both machines"
    )


def plain_name(text: str) -> str:
    """A machine's name as it may be printed."""
    return re.sub(r"[^\w .+-]", "", text)[:MAX_NAME] or "a guest"
