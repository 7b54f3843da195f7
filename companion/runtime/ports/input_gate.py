"""What stands between the ports and the session: fast knobs are thinned out, then a flood is held back."""

from __future__ import annotations

from collections.abc import Mapping

from companion.midi.messages import Message
from companion.runtime.ports.flood_gate import FloodGate
from companion.runtime.ports.knob_gate import KnobGate

Arrived = tuple[float, str, Message]  # arrival in seconds, port, message


class InputGate:
    """Both gates, in the order in which messages pass them. flood: the one that counts what it drops."""

    def __init__(self) -> None:
        self.flood = FloodGate()
        self._knobs = KnobGate()

    def admit(self, arrived: list[Arrived], knobs: Mapping[str, str], now: float) -> list[Arrived]:
        """The messages that the session gets now, in order of arrival. knobs: see `KnobGate.admit`."""
        return self.flood.admit(self._knobs.admit(arrived, knobs, now), now)
