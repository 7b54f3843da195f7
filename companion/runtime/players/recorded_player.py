"""A recorded player as a set of ports: their playing comes in, and what the session sends is accepted and discarded."""

from __future__ import annotations

from collections.abc import Callable

from companion.midi.messages import Message
from companion.midi.port_lists import Ports
from companion.midi.ports import MemoryInput
from companion.runtime.ipc.protocol import Setup
from companion.runtime.players.tunes import TrueClock, find_player, perform
from companion.runtime.recording.records import PlayerBegan

PORT_NAME = "player"
PATIENCE_SECONDS = 120.0  # how long the player waits for the engine before they begin without it
LEAD_SECONDS = 0.7
TAIL_SECONDS = 0.5


class RecordedPlayer:
    """See `companion.runtime.ports.port_set.PortSet`. `record` hears when they begin and by which clock."""

    own_names: frozenset[str] = frozenset()
    reaches_someone = False

    def __init__(self, setup: Setup, now: float, record: Callable[[PlayerBegan], object]) -> None:
        self._setup, self._record = setup, record
        self._patient_until = now + PATIENCE_SECONDS
        self._input: MemoryInput | None = None
        self._ends = float("inf")

    def poll(self, now: float) -> list[tuple[float, str, Message]]:
        """See `PortSet`."""
        if self._input is None:
            if now > self._patient_until:
                self.engine_settled(now)
            return []
        return [(arrival, PORT_NAME, message) for arrival, message in self._input.poll(now)]

    def send(self, port: str, data: bytes) -> bool:
        """See `PortSet`."""
        return True

    def update(self, ports: Ports) -> None:
        """See `PortSet`. Real ports are ignored."""

    def choose(self, direction: str, wanted: str) -> None:
        """See `PortSet`. There is no port to choose."""

    def engine_settled(self, now: float) -> None:
        """The player begins. Their master's true clock is recorded, so that errors can be measured later."""
        if self._input is not None:
            return
        setup = self._setup
        player = find_player(setup.player)
        true = TrueClock(now + LEAD_SECONDS, setup.settings.clock.bpm)
        self._input = MemoryInput(PORT_NAME, perform(player, true, setup.bars, setup.manner))
        if setup.bars:
            self._ends = true.seconds_at(setup.bars * float(player.time_signature.beats)) + TAIL_SECONDS
        self._record(PlayerBegan(now, true.start_seconds, true.bpm))

    def has_finished(self, now: float) -> bool:
        """See `PortSet`."""
        return now >= self._ends

    def close(self) -> None:
        """See `PortSet`."""
        if self._input is not None:
            self._input.close()
