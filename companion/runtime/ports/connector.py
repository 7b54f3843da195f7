"""Opening and connecting real ports for a `PortBoard`. Drivers are imported at the first use.

Where another process can connect ports by name (JACK), our ports are made once, and only their connections change. Elsewhere
a port is opened on the device itself. Released clients are kept for later, because a new one takes forty milliseconds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from companion.midi.ports import CLIENT_NAME, InputPort, OutputPort
from companion.runtime.ipc.protocol import Wire

if TYPE_CHECKING:
    from companion.midi.driver import DriverInput, DriverOutput


class Connector(Protocol):
    """Opens ports; the real one is `DriverConnector`. Direction is "in" or "out"."""

    def open_input(self, driver: str, name: str, names: tuple[str, ...]) -> InputPort:
        """Listen to an existing port. Raises PortError."""
        ...

    def open_output(self, driver: str, name: str, names: tuple[str, ...]) -> OutputPort:
        """Play to an existing port. Raises PortError."""
        ...

    def offer_input(self, driver: str, taken: tuple[str, ...], again: str = "") -> InputPort:
        """A virtual input: under the name it had before (`again`) or one that is not among those taken. Raises PortError."""
        ...

    def offer_output(self, driver: str, taken: tuple[str, ...], again: str = "") -> OutputPort:
        """A virtual output; as `offer_input`."""
        ...

    def wire(self, source: str, sink: str, connected: bool) -> None:
        """Ask the process that lists the ports to connect or disconnect two of them soon."""
        ...

    def release(self, port: InputPort | OutputPort) -> None:
        """Release a port that is no longer wanted or no longer exists."""
        ...

    def abandon(self, driver: str, ports: Sequence[InputPort | OutputPort]) -> None:
        """The driver's server has died: never touch these ports, or any others of that driver, again."""
        ...


class DriverConnector:
    """Real ports; see the module. ask: passes a request to the process that connects ports."""

    def __init__(self, ask: Callable[[Wire], object]) -> None:
        self._ask = ask
        self._spare: dict[tuple[str, str, bool], list[DriverInput | DriverOutput]] = {}
        self._dead: list[InputPort | OutputPort] = []

    def open_input(self, driver: str, name: str, names: tuple[str, ...]) -> InputPort:
        """See `Connector`."""
        from companion.midi.driver import DriverInput

        port = self._kept("in", driver, False) or DriverInput(driver)
        assert isinstance(port, DriverInput)
        port.connect(name, names)
        return port

    def open_output(self, driver: str, name: str, names: tuple[str, ...]) -> OutputPort:
        """See `Connector`."""
        from companion.midi.driver import DriverOutput

        port = self._kept("out", driver, False) or DriverOutput(driver)
        assert isinstance(port, DriverOutput)
        port.connect(name, names)
        return port

    def offer_input(self, driver: str, taken: tuple[str, ...], again: str = "") -> InputPort:
        """See `Connector`."""
        from companion.midi.driver import DriverInput

        port = self._kept("in", driver, True)
        if port is None:
            port = DriverInput(driver, client_name=free_name("in", taken, again))
            port.offer()
        assert isinstance(port, DriverInput)
        return port

    def offer_output(self, driver: str, taken: tuple[str, ...], again: str = "") -> OutputPort:
        """See `Connector`."""
        from companion.midi.driver import DriverOutput

        port = self._kept("out", driver, True)
        if port is None:
            port = DriverOutput(driver, client_name=free_name("out", taken, again))
            port.offer()
        assert isinstance(port, DriverOutput)
        return port

    def wire(self, source: str, sink: str, connected: bool) -> None:
        """See `Connector`."""
        self._ask(Wire(source, sink, connected))

    def release(self, port: InputPort | OutputPort) -> None:
        """See `Connector`. An offered port stays offered: whoever is connected to it may stay so."""
        from companion.midi.driver import DriverInput, DriverOutput

        if isinstance(port, (DriverInput, DriverOutput)):
            if not port.offered:
                port.disconnect()
            self._spare.setdefault((port.label, port.driver, port.offered), []).append(port)

    def abandon(self, driver: str, ports: Sequence[InputPort | OutputPort]) -> None:
        """See `Connector`. They are kept, since taking them down would ask the dead server; the library cleans up after itself when a
        new server is met."""
        spare = [key for key in self._spare if key[1] == driver]
        self._dead += [*ports, *(port for key in spare for port in self._spare.pop(key))]

    def _kept(self, label: str, driver: str, offered: bool) -> DriverInput | DriverOutput | None:
        from companion.midi.driver import DriverInput

        spare = self._spare.get((label, driver, offered))
        port = spare.pop() if spare else None
        while isinstance(port, DriverInput) and port.poll(0.0):
            pass  # messages that came while nobody listened are old
        return port


def free_name(label: str, taken: tuple[str, ...], again: str = "") -> str:
    """A client name for a port of ours: "companion in", or with a number where another program or port of ours has that.

    again: the full name that the port had before; it gets that client's name once more where nobody else has taken it.
    """
    clients = {name.partition(":")[0] for name in taken}
    if again and (before := again.partition(":")[0]) not in clients:
        return before
    name, number = f"{CLIENT_NAME} {label}", 1
    while name in clients:
        number += 1
        name = f"{CLIENT_NAME} {label} {number}"
    return name
