"""What every player of sound can do, and what it says about itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from companion.sound.wire import Due

# From a message's due time to the moment its frame is handed to the audio device. Constant, so that what was scheduled
# precisely stays precise; long enough for a message that comes a few milliseconds late to be in time all the same.
LATENCY_SECONDS = 0.020


@dataclass(frozen=True, slots=True)
class Health:
    """device: "" while there is none. latency_ms: from due time to the device's own buffer, and that buffer's length. trouble:
    one line for the player, "" when all is well. load: share of the time that computing the sound takes.
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
    """Plays messages at a constant time after they are due. No method blocks."""

    def play(self, messages: list[Due]) -> None:
        """Take messages, in any order."""
        ...

    def health(self) -> Health:
        """How it is going."""
        ...

    def close(self) -> None:
        """Silence, and let go of the device; gives up after a moment where the device blocks."""
        ...
