"""The interface of all inputs and outputs of a performance, as the realtime loop uses them.

Real ports (`PortBoard`) and a recorded player (`companion.runtime.players.recorded_player`) are both such a set, so the loop knows neither.
"""

from __future__ import annotations

from typing import Protocol

from companion.midi.messages import Message
from companion.midi.port_lists import Ports


class PortSet(Protocol):
    """Inputs that are polled and outputs that are sent to. Times are seconds of the loop's monotonic clock."""

    @property
    def own_names(self) -> frozenset[str]:
        """Full names of the ports that we offer to others."""
        ...

    @property
    def reaches_someone(self) -> bool:
        """Whether messages to the default output reach anything, as far as is known here."""
        ...

    def poll(self, now: float) -> list[tuple[float, str, Message]]:
        """(arrival, port, message) of every new message, in order of arrival. Never blocks."""
        ...

    def send(self, port: str, data: bytes) -> bool:
        """Send to the port that the session knows by this name; False if it does not exist. Raises PortError if it refuses."""
        ...

    def update(self, ports: Ports) -> None:
        """The system's ports as they are now."""
        ...

    def choose(self, direction: str, wanted: str) -> None:
        """Use another default port for this direction."""
        ...

    def engine_settled(self, now: float) -> None:
        """The engine is ready, or is known to be lost."""
        ...

    def has_finished(self, now: float) -> bool:
        """Whether nothing more will come, so that the performance may end."""
        ...

    def close(self) -> None:
        """Close all ports."""
        ...
