"""The ports of one performance: which are wanted, which are open, and what changes when devices come and go.

A wanted port is a name or part of one; it is opened whenever such a port exists and opened again when it returns. The lists
of what exists come from elsewhere (`companion.midi.probe`), since asking a driver can hang. Where ports are wired from outside, our
end is made at the first list, whether or not the other end is there yet, since making one in mid-performance would hold up notes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

from companion.errors import PortError
from companion.midi.messages import Message
from companion.midi.port_choice import PortChoice
from companion.midi.port_lists import Ports
from companion.midi.ports import InputPort, OutputPort, match_port, stable_names
from companion.runtime.ports.connector import Connector
from companion.runtime.ports.sounding import SoundingTable
from companion.session.api.events import PortChanged
from companion.session.api.settings import SessionSettings

NO_PORT = "none"
PATIENT_TRIES = 3
LISTS_UNTIL_GONE = 2
_SYSTEM = 0xF0  # clock and other messages without a channel


class Slot:
    """One wanted port. `name` is the port it stands for once one was found; that one is then waited for by name.

    target: the other end's full name, where our end is wired from outside. offered: no other end is wanted. own_name: the full name
    that our end has, or had before its driver's server died. place: of an output, in the table of what sounds.
    """

    def __init__(self, direction: str, wanted: str) -> None:
        self.direction, self.wanted = direction, wanted
        self.port: InputPort | OutputPort | None = None
        self.name = self.target = self.own_name = self.driver = ""
        self.place: int | None = None
        self.connected = self.offered = False
        self.tries = 0  # unsuccessful attempts to connect
        self.complaint = ""

    @property
    def wire(self) -> tuple[str, str]:
        """(source, sink) of a slot that is wired from outside."""
        ours = self.port.name if self.port else ""
        return (self.target, ours) if self.direction == "in" else (ours, self.target)

    def key(self, default: str) -> str:
        """How the session knows this port: outputs by what was asked for, inputs by their own name."""
        if self.direction == "out":
            return "" if self.wanted == default else self.wanted
        return self.name


def wanted_ports(settings: SessionSettings, chosen: PortChoice) -> tuple[list[str], list[str]]:
    """Names of the inputs and outputs a performance wants, the default ones first."""
    inputs, outputs = [chosen.input], [chosen.output]
    for track in settings.tracks:
        if track.role == "human" and track.input_port:
            inputs.append(track.input_port)
        elif track.role != "human" and track.output_port:
            outputs.append(track.output_port)
    return inputs, outputs


class PortBoard:
    """See the module. `tell` hears PortChanged events, `complain` one line about what cannot be opened."""

    def __init__(
        self,
        connector: Connector,
        inputs: Iterable[str],
        outputs: Iterable[str],
        tell: Callable[[PortChanged], None],
        complain: Callable[[str], None],
        sounding: SoundingTable | None = None,
    ) -> None:
        """inputs, outputs: what is wanted, the default port first."""
        self._connector, self._tell, self._complain = connector, tell, complain
        self._sounding = sounding
        self._absent: Counter[str] = Counter()  # in how many lists in a row a driver of our ports was missing
        self._wires_before: set[tuple[str, str]] = set()  # connections that anyone made, lost with a server
        self._last_complaint = ""
        inputs, outputs = list(inputs), list(outputs)
        self._defaults = {"in": inputs[0] if inputs else "", "out": outputs[0] if outputs else ""}
        self._slots = [Slot("in", wanted) for wanted in dict.fromkeys(inputs) if wanted != NO_PORT]
        self._slots += [Slot("out", wanted) for wanted in dict.fromkeys(outputs) if wanted != NO_PORT]
        self._known = Ports()

    def update(self, ports: Ports) -> None:
        """Take the list of existing ports: open new ones and release those that are gone. Where no driver answers, open ports stay open."""
        self._let_go_of_the_dead(ports)
        self._known = ports
        for slot in self._slots:
            names = stable_names(ports.names(slot.direction))
            if slot.connected and not slot.offered and ports.drivers and slot.name not in names:
                self._lost(slot)
            if not slot.connected:
                self._open(slot)
            elif slot.target and ports.wires is not None and slot.wire not in ports.wires:
                self._connector.wire(*slot.wire, True)  # the device left and came back between two lists
        self._restore_wires(ports)

    def _let_go_of_the_dead(self, ports: Ports) -> None:
        """Abandon the ports of a dead server: the list says so, or two lists in a row lack the driver."""
        if not ports.answered:
            return
        for driver in {slot.driver for slot in self._slots if slot.port is not None}:
            self._absent[driver] = 0 if driver in ports.drivers else self._absent[driver] + 1
            if driver in ports.gone or self._absent[driver] >= LISTS_UNTIL_GONE:
                self._server_died(driver)

    def _server_died(self, driver: str) -> None:
        """Send nothing there any more, not even note-offs: a send to a dead server can hang."""
        slots = [slot for slot in self._slots if slot.driver == driver and slot.port is not None]
        ours = {slot.own_name for slot in slots}
        self._wires_before |= {wire for wire in self._known.wires or () if ours & set(wire)}
        self._connector.abandon(driver, [slot.port for slot in slots if slot.port is not None])
        for slot in slots:
            slot.port = None
        for slot in slots:
            if slot.connected:
                slot.connected = False
                self._tell(PortChanged(slot.key(self._defaults[slot.direction]), slot.direction, False, slot.name))

    def _restore_wires(self, ports: Ports) -> None:
        """Restore all connections from before the server died as soon as both ends exist, whoever had made them."""
        there = {slot.port.name for slot in self._slots if slot.port is not None}
        there |= {*ports.names("in"), *ports.names("out")}
        self._wires_before -= set(ports.wires or ())
        for source, sink in self._wires_before:
            if ports.wires is not None and {source, sink} <= there:
                self._connector.wire(source, sink, True)

    def choose(self, direction: str, wanted: str) -> None:
        """Use another default port for this direction."""
        before = self._defaults[direction]
        for slot in [slot for slot in self._slots if slot.direction == direction and slot.wanted == before]:
            self._lost(slot, released=True)
            if slot.port is not None:
                if slot.target:
                    self._connector.wire(*slot.wire, False)
                self._connector.release(slot.port)
            self._slots.remove(slot)
        self._defaults[direction] = wanted
        if wanted == NO_PORT:
            return
        slot = next((slot for slot in self._slots if slot.direction == direction and slot.wanted == wanted), None)
        if slot is None:
            slot = Slot(direction, wanted)
            self._slots.append(slot)
        if not slot.connected:
            self._open(slot)

    @property
    def own_names(self) -> frozenset[str]:
        """Full names of the ports that we offer to others, as they appear in lists."""
        ours = [slot.port for slot in self._slots if slot.port is not None and (slot.offered or slot.target)]
        return frozenset(port.name for port in ours)

    @property
    def reaches_someone(self) -> bool:
        """Whether messages to the default output reach anything, as far as is known here."""
        for slot in self._slots:
            if slot.direction == "out" and slot.wanted == self._defaults["out"] and slot.port is not None:
                wired = any(source == slot.port.name for source, _ in self._known.wires or ())
                return wired or (slot.connected and not slot.offered)
        return False

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
        """Send to the port that the session knows by this name; False if it does not exist."""
        wanted = port or self._defaults["out"]
        for slot in self._slots:
            if slot.direction == "out" and slot.wanted == wanted and slot.port is not None and slot.connected:
                self._send(slot, data)
                return True
        return False

    def _send(self, slot: Slot, data: bytes) -> None:
        if self._sounding is None or slot.place is None or data[0] >= _SYSTEM:
            slot.port.send(data)  # type: ignore[union-attr]
            return
        self._sounding.before_sending(slot.place, data)
        slot.port.send(data)  # type: ignore[union-attr]
        self._sounding.after_sending(slot.place, data)

    def engine_settled(self, now: float) -> None:
        """See `PortSet`. A human player begins when they like."""

    def has_finished(self, now: float) -> bool:
        """See `PortSet`."""
        return False

    def close(self) -> None:
        """Close all ports, without events."""
        for slot in self._slots:
            if slot.port is not None:
                slot.port.close()
                slot.port = None

    def _open(self, slot: Slot) -> None:
        names = self._known.names(slot.direction)
        index = None if slot.offered else match_port(slot.name or slot.wanted, names)
        try:
            stable = stable_names(names)[index] if index is not None else ""
            if index is not None and self._is_taken(slot, stable):
                return
            if index is not None:
                slot.name = stable
                if not self._connect(slot, names[index], names):
                    return
            elif not slot.wanted and (not slot.name or slot.offered) and self._known.drivers:
                self._offer(slot)
                slot.offered, slot.name = True, slot.port.name if slot.port else ""
            else:
                if any(map(self._known.wired_from_outside, self._known.drivers)):
                    self._offer(slot)
                self._complain_once(slot, self._why_not(slot))
                return
        except PortError as error:
            self._complain_once(slot, str(error))
            return
        slot.complaint, slot.connected, slot.tries = "", True, 0
        self._last_complaint = ""
        if self._sounding is not None and slot.direction == "out":
            slot.place = self._sounding.place_of(slot.own_name or slot.name)
        self._tell(PortChanged(slot.key(self._defaults[slot.direction]), slot.direction, True, slot.name))

    def _why_not(self, slot: Slot) -> str:
        if not self._known.drivers:
            return self._known.error
        return f"waiting for the MIDI {slot.direction}put port {slot.name or slot.wanted!r}"

    def _complain_once(self, slot: Slot, text: str) -> None:
        if text and text != slot.complaint:
            slot.complaint = text
            if text != self._last_complaint:  # input and output often wait for the same device
                self._complain(text)
            self._last_complaint = text

    def _is_taken(self, slot: Slot, name: str) -> bool:
        """Whether another slot already has this input (its messages must not be heard twice)."""
        return slot.direction == "in" and any(
            other is not slot and other.direction == "in" and other.port is not None and other.name == name
            for other in self._slots
        )

    def _connect(self, slot: Slot, name: str, names: tuple[str, ...]) -> bool:
        """Whether the slot is connected now. Where another process connects it, only a later list shows that."""
        driver = self._known.driver_of(slot.direction, name) or ""
        if not self._known.wired_from_outside(driver):
            open_port = self._connector.open_input if slot.direction == "in" else self._connector.open_output
            slot.port, slot.driver = open_port(driver, name, names), driver
            return True
        self._offer(slot)
        slot.target = name
        if slot.wire in (self._known.wires or ()):
            return True
        self._connector.wire(*slot.wire, True)
        slot.tries += 1
        if slot.tries > PATIENT_TRIES:
            self._complain_once(slot, f"{name}: cannot be connected")
        return False

    def _offer(self, slot: Slot) -> None:
        """Make our end if it does not exist yet."""
        if slot.port is None:
            offer = self._connector.offer_input if slot.direction == "in" else self._connector.offer_output
            ours = tuple(other.port.name for other in self._slots if other.port is not None)
            slot.driver = self._known.drivers[0]
            slot.port = offer(slot.driver, ours + self._known.names("in") + self._known.names("out"), slot.own_name)
            slot.own_name = slot.port.name

    def _lost(self, slot: Slot, *, released: bool = False) -> None:
        """Report the loss first, so that note-offs still reach a port that is only being exchanged. Our own end stays."""
        key = slot.key(self._defaults[slot.direction])
        self._tell(PortChanged(key, slot.direction, False, slot.name, released))
        slot.connected = False
        if slot.port is not None and not released and not slot.target:
            self._connector.release(slot.port)
            slot.port = None
