"""What the realtime loop plays on: all inputs and outputs of a performance behind one interface.

Real ports (`PortBoard`) and a recorded player (`companion.runtime.players.recorded_player`) are both such a set, so the loop knows neither.
"""

from __future__ import annotations

from typing import Protocol

from companion.midi.messages import Message
from companion.midi.probe import Ports


class PortSet(Protocol):
    """Inputs that are polled and outputs that are sent to. Times are seconds of the loop's monotonic clock."""

    @property
    def own_names(self) -> frozenset[str]:
        """Full names of the ports that we offer to others."""
        ...

    @property
    def reaches_someone(self) -> bool:
        """Whether what is sent to the default output arrives anywhere, as far as can be told from here."""
        ...

    def poll(self, now: float) -> list[tuple[float, str, Message]]:
        """(arrival, port, message) of everything that has come, in order of arrival; never blocks."""
        ...

    def send(self, port: str, data: bytes) -> bool:
        """Send to the port that the session calls so; False when it is not there. Raises PortError when it refuses."""
        ...

    def update(self, ports: Ports) -> None:
        """The system's ports as they are now."""
        ...

    def choose(self, direction: str, wanted: str) -> None:
        """Use another default port for this direction."""
        ...

    def engine_settled(self, now: float) -> None:
        """The engine is ready, or known to be lost."""
        ...

    def has_finished(self, now: float) -> bool:
        """Whether nothing more will come, so that the performance may end."""
        ...

    def close(self) -> None:
        """Let go of everything."""
        ...
