"""The ports of one performance: which are wanted, which are open, and what changes when devices come and go.

A wanted port is a name or part of one; it is opened whenever such a port exists and opened again when it returns. The lists
of what exists come from elsewhere (`companion.midi.probe`), since asking a driver can hang.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Protocol

from companion.errors import PortError
from companion.midi.ports import InputPort, OutputPort, match_port, stable_name
from companion.midi.probe import Ports
from companion.session.events import PortChanged
from companion.session.messages import Message

if TYPE_CHECKING:
    from companion.midi.driver import DriverInput, DriverOutput

NO_PORT = "none"


class Connector(Protocol):
    """Opens ports; the real one is `DriverConnector`."""

    def open_input(self, driver: str, name: str, names: tuple[str, ...]) -> InputPort:
        """Listen to an existing port. Raises PortError."""
        ...

    def open_output(self, driver: str, name: str, names: tuple[str, ...]) -> OutputPort:
        """Play to an existing port. Raises PortError."""
        ...

    def offer_input(self, driver: str) -> InputPort:
        """A virtual input. Raises PortError."""
        ...

    def offer_output(self, driver: str) -> OutputPort:
        """A virtual output. Raises PortError."""
        ...

    def release(self, port: InputPort | OutputPort) -> None:
        """Let go of a port that is no longer wanted or there."""
        ...


class DriverConnector:
    """Real ports. Drivers are imported at the first use; clients let go of are kept, as a new one takes forty milliseconds."""

    def __init__(self) -> None:
        self._spare: dict[tuple[str, str], list[DriverInput | DriverOutput]] = {}

    def open_input(self, driver: str, name: str, names: tuple[str, ...]) -> InputPort:
        """See `Connector`."""
        port = self._input(driver)
        port.connect(name, names)
        return port

    def open_output(self, driver: str, name: str, names: tuple[str, ...]) -> OutputPort:
        """See `Connector`."""
        port = self._output(driver)
        port.connect(name, names)
        return port

    def offer_input(self, driver: str) -> InputPort:
        """See `Connector`."""
        port = self._input(driver)
        port.offer()
        return port

    def offer_output(self, driver: str) -> OutputPort:
        """See `Connector`."""
        port = self._output(driver)
        port.offer()
        return port

    def release(self, port: InputPort | OutputPort) -> None:
        """See `Connector`."""
        from companion.midi.driver import DriverInput, DriverOutput

        if isinstance(port, (DriverInput, DriverOutput)):
            port.disconnect()
            self._spare.setdefault((port.label, port.driver), []).append(port)

    def _input(self, driver: str) -> DriverInput:
        from companion.midi.driver import DriverInput

        spare = self._spare.get(("in", driver))
        port = spare.pop() if spare else DriverInput(driver)
        assert isinstance(port, DriverInput)
        return port

    def _output(self, driver: str) -> DriverOutput:
        from companion.midi.driver import DriverOutput

        spare = self._spare.get(("out", driver))
        port = spare.pop() if spare else DriverOutput(driver)
        assert isinstance(port, DriverOutput)
        return port


class Slot:
    """One wanted port. `name` is the port it stands for once one was found; that one is then waited for by name."""

    def __init__(self, direction: str, wanted: str) -> None:
        self.direction, self.wanted = direction, wanted
        self.port: InputPort | OutputPort | None = None
        self.name = ""
        self.offered = False
        self.complaint = ""

    def key(self, default: str) -> str:
        """How the session knows this port: outputs by what was asked for, inputs by their own name."""
        if self.direction == "out":
            return "" if self.wanted == default else self.wanted
        return self.name


class PortBoard:
    """See the module. `tell` hears PortChanged events, `complain` one line about what cannot be opened."""

    def __init__(
        self,
        connector: Connector,
        inputs: Iterable[str],
        outputs: Iterable[str],
        tell: Callable[[PortChanged], None],
        complain: Callable[[str], None],
    ) -> None:
        """inputs, outputs: what is wanted, the default port first."""
        self._connector, self._tell, self._complain = connector, tell, complain
        inputs, outputs = list(inputs), list(outputs)
        self._defaults = {"in": inputs[0] if inputs else "", "out": outputs[0] if outputs else ""}
        self._slots = [Slot("in", wanted) for wanted in dict.fromkeys(inputs) if wanted != NO_PORT]
        self._slots += [Slot("out", wanted) for wanted in dict.fromkeys(outputs) if wanted != NO_PORT]
        self._known = Ports()

    def update(self, ports: Ports) -> None:
        """The ports that exist now: open what came, let go of what went."""
        self._known = ports
        for slot in self._slots:
            if (
                slot.port is not None
                and not slot.offered
                and slot.name not in map(stable_name, ports.names(slot.direction))
            ):
                self._close(slot)
            if slot.port is None:
                self._open(slot)

    def choose(self, direction: str, wanted: str) -> None:
        """Use another default port for this direction."""
        before = self._defaults[direction]
        for slot in [slot for slot in self._slots if slot.direction == direction and slot.wanted == before]:
            self._close(slot, released=True)
            self._slots.remove(slot)
        self._defaults[direction] = wanted
        if wanted == NO_PORT:
            return
        slot = next((slot for slot in self._slots if slot.direction == direction and slot.wanted == wanted), None)
        if slot is None:
            slot = Slot(direction, wanted)
            self._slots.append(slot)
        if slot.port is None:
            self._open(slot)

    def poll(self, now: float) -> list[tuple[float, str, Message]]:
        """(arrival time, port name, message) of all inputs, in order of arrival."""
        found = [
            (arrival, slot.name, message)
            for slot in self._slots
            if slot.direction == "in" and slot.port is not None
            for arrival, message in slot.port.poll(now)  # type: ignore[union-attr]
        ]
        if len(found) > 1:
            found.sort(key=lambda item: item[0])
        return found

    def send(self, port: str, data: bytes) -> bool:
        """Send to the port the session calls so; False when it is not there."""
        wanted = port or self._defaults["out"]
        for slot in self._slots:
            if slot.direction == "out" and slot.wanted == wanted and slot.port is not None:
                slot.port.send(data)  # type: ignore[union-attr]
                return True
        return False

    def close(self) -> None:
        """Let go of everything, without telling."""
        for slot in self._slots:
            if slot.port is not None:
                slot.port.close()
                slot.port = None

    def _open(self, slot: Slot) -> None:
        names = self._known.names(slot.direction)
        index = match_port(slot.name or slot.wanted, names)
        try:
            if index is not None and self._is_taken(slot, names[index]):
                return
            if index is not None:
                slot.port, slot.name = self._connect(slot, names[index], names), stable_name(names[index])
            elif not slot.wanted and not slot.name and self._known.drivers:
                slot.port, slot.offered = self._offer(slot), True
                slot.name = slot.port.name
            else:
                self._complain_once(slot, self._why_not(slot))
                return
        except PortError as error:
            self._complain_once(slot, str(error))
            return
        slot.complaint = ""
        self._tell(PortChanged(slot.key(self._defaults[slot.direction]), slot.direction, True, slot.name))

    def _why_not(self, slot: Slot) -> str:
        if not self._known.drivers:
            return self._known.error
        return f"waiting for the MIDI {slot.direction}put port {slot.name or slot.wanted!r}"

    def _complain_once(self, slot: Slot, text: str) -> None:
        if text and text != slot.complaint:
            slot.complaint = text
            self._complain(text)

    def _is_taken(self, slot: Slot, name: str) -> bool:
        """Whether another slot already has this input (its messages must not be heard twice)."""
        return slot.direction == "in" and any(
            other is not slot and other.direction == "in" and other.port is not None and other.name == stable_name(name)
            for other in self._slots
        )

    def _connect(self, slot: Slot, name: str, names: tuple[str, ...]) -> InputPort | OutputPort:
        driver = self._known.driver_of(slot.direction, name) or ""
        open_port = self._connector.open_input if slot.direction == "in" else self._connector.open_output
        return open_port(driver, name, names)

    def _offer(self, slot: Slot) -> InputPort | OutputPort:
        driver = self._known.drivers[0]
        return self._connector.offer_input(driver) if slot.direction == "in" else self._connector.offer_output(driver)

    def _close(self, slot: Slot, *, released: bool = False) -> None:
        """Tell first, so that note-offs still reach a port that is only being exchanged."""
        key = slot.key(self._defaults[slot.direction])
        self._tell(PortChanged(key, slot.direction, False, slot.name, released))
        if slot.port is not None:
            self._connector.release(slot.port)
            slot.port = None
