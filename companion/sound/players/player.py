"""The interface of every player of sound, and its report about itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from companion.sound.wire import Due

# The time from a message's due time until its frame goes to the audio device. It is constant, so that exact scheduling stays
# exact, and long enough that a message which arrives a few milliseconds late is still in time.
LATENCY_SECONDS = 0.020


@dataclass(frozen=True, slots=True)
class Health:
    """The state of a player.

    device: "" while there is none. latency_ms: the time from a message's due time to the device's own buffer.
    buffer_ms: the length of that buffer. trouble: one line for the user, "" if all is well.
    load: share of the time that computing the sound takes.
    """

    synthesizer: str
    device: str = ""
    rate: int = 0
    latency_ms: float = 0.0
    buffer_ms: float = 0.0
    underruns: int = 0
    late: int = 0
    load: float = 0.0
    trouble: str = ""


class Player(Protocol):
    """Plays messages a constant time after they are due. No method blocks."""

    def play(self, messages: list[Due]) -> None:
        """Take messages, in any order."""
        ...

    def health(self) -> Health:
        """Return the current state."""
        ...

    def close(self) -> None:
        """Fall silent and release the device. Gives up after a moment if the device blocks."""
        ...
