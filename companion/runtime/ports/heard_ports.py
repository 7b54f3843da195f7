"""A set of ports with sound: what goes to the default output also goes to the sound process, and the typing keyboard is an input."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from companion.errors import PortError
from companion.midi.codec import encode
from companion.midi.messages import ControlChange, Message, NoteOff, NoteOn
from companion.midi.port_lists import Ports
from companion.runtime.players.recorded_player import PORT_NAME as PLAYER_PORT
from companion.runtime.ports.port_set import PortSet
from companion.runtime.ports.sound_output import DRUM_CHANNEL, TYPING_PORT, SoundOutput
from companion.session.api.snapshot import Snapshot


class HeardPorts:
    """See `PortSet`; `ports` are the real ones, or a recorded player."""

    def __init__(self, ports: PortSet, sound: SoundOutput, clock: Callable[[], float]) -> None:
        self._ports, self._sound, self._clock = ports, sound, clock
        self._thru = self._has_drummer = False  # as of the last snapshot

    @property
    def own_names(self) -> frozenset[str]:
        """See `PortSet`."""
        return self._ports.own_names

    @property
    def reaches_someone(self) -> bool:
        """See `PortSet`."""
        return self._ports.reaches_someone

    def poll(self, now: float) -> list[tuple[float, str, Message]]:
        """See `PortSet`. Typed notes and those of a recorded player are passed on at once, because neither has a sound of its own."""
        found = self._ports.poll(now)
        for arrival, port, message in found:
            if port == PLAYER_PORT:
                self._sound.send(encode(message), arrival)
        typed = self._sound.typed(now)
        for at, message in typed:
            self._pass_on(message, at)
        keys = [(at, TYPING_PORT, message) for at, message in typed if self._is_played(message)]
        return sorted([*found, *keys], key=lambda item: item[0]) if keys else found

    def _is_played(self, message: Message) -> bool:
        """Not controllers, and no drums where the player has no part for them: those are only heard."""
        if isinstance(message, (NoteOn, NoteOff)):
            return message.channel != DRUM_CHANNEL or self._has_drummer
        return False

    def _pass_on(self, message: Message, at: float) -> None:
        """With thru on, the session passes notes on."""
        if self._thru and not isinstance(message, ControlChange):
            return
        data = encode(message)
        self._sound.send(data, at)
        with suppress(PortError):
            self._ports.send("", data)

    def send(self, port: str, data: bytes) -> bool:
        """See `PortSet`; also True where the sound process has taken the message."""
        heard = not port and self._sound.send(data, self._clock())
        return self._ports.send(port, data) or heard

    def show(self, snapshot: Snapshot, now: float) -> None:
        """Take instruments and thru from a new snapshot."""
        self._thru = snapshot.thru
        self._has_drummer = any(lane.role == "human" and lane.is_drum for lane in snapshot.lanes)
        self._sound.set_programs(snapshot.lanes, now)

    def update(self, ports: Ports) -> None:
        """See `PortSet`."""
        self._ports.update(ports)
        self._sound.look(self._ports.reaches_someone, self._clock())

    def choose(self, direction: str, wanted: str) -> None:
        """See `PortSet`."""
        self._ports.choose(direction, wanted)
        self._sound.look(self._ports.reaches_someone, self._clock())

    def engine_settled(self, now: float) -> None:
        """See `PortSet`."""
        self._ports.engine_settled(now)

    def has_finished(self, now: float) -> bool:
        """See `PortSet`."""
        return self._ports.has_finished(now)

    def close(self) -> None:
        """See `PortSet`."""
        self._sound.close(self._clock())
        self._ports.close()
