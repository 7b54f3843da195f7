"""Ports that come, go and return, with drivers played by memory ports."""

from __future__ import annotations

from dataclasses import dataclass, field

from companion.errors import PortError
from companion.midi.ports import InputPort, MemoryInput, MemoryOutput, OutputPort
from companion.midi.probe import Ports
from companion.runtime.port_board import PortBoard
from companion.session.events import PortChanged
from companion.session.messages import ClockTick


@dataclass
class Shelf:
    """Opens memory ports and remembers them."""

    opened: dict[str, InputPort | OutputPort] = field(default_factory=dict)
    released: list[str] = field(default_factory=list)
    sent: list[tuple[str, bytes]] = field(default_factory=list)
    broken: bool = False

    def open_input(self, driver: str, name: str, names: tuple[str, ...]) -> InputPort:
        if self.broken:
            raise PortError(f"{name}: busy")
        port = MemoryInput(name)
        self.opened[name] = port
        return port

    def open_output(self, driver: str, name: str, names: tuple[str, ...]) -> OutputPort:
        port = MemoryOutput(lambda: 0.0, lambda _, data: self.sent.append((name, data)), name)
        self.opened[name] = port
        return port

    def offer_input(self, driver: str) -> InputPort:
        return self.open_input(driver, "companion:in", ())

    def offer_output(self, driver: str) -> OutputPort:
        return self.open_output(driver, "companion:out", ())

    def release(self, port: InputPort | OutputPort) -> None:
        self.released.append(port.name)


def ports(inputs: list[str], outputs: list[str]) -> Ports:
    return Ports((("alsa", tuple(inputs)),), (("alsa", tuple(outputs)),))


def make(inputs: list[str], outputs: list[str]) -> tuple[PortBoard, Shelf, list[PortChanged], list[str]]:
    shelf, changes, complaints = Shelf(), [], []
    return PortBoard(shelf, inputs, outputs, changes.append, complaints.append), shelf, changes, complaints


def told(changes: list[PortChanged]) -> list[tuple[str, str, bool]]:
    return [(change.port, change.direction, change.connected) for change in changes]


def test_a_port_that_vanishes_and_returns_under_another_address() -> None:
    board, shelf, changes, complaints = make(["keys"], ["none"])
    board.update(ports([], []))
    assert complaints == ["waiting for the MIDI input port 'keys'"]
    board.update(ports(["Keys 20:0"], []))
    board.update(ports([], []))
    board.update(ports(["Other 21:0", "Keys 24:0"], []))
    assert told(changes) == [("Keys", "in", True), ("Keys", "in", False), ("Keys", "in", True)]
    assert shelf.released == ["Keys 20:0"]
    source = shelf.opened["Keys 24:0"]
    assert isinstance(source, MemoryInput)
    source.deliver(1.0, b"\xf8")
    assert board.poll(1.0) == [(1.0, "Keys", ClockTick())]


def test_the_default_port_once_found_is_waited_for_by_name() -> None:
    board, _, changes, _ = make([""], ["none"])
    board.update(ports(["First"], []))
    board.update(ports(["Second"], []))
    assert told(changes) == [("First", "in", True), ("First", "in", False)]


def test_without_any_port_we_offer_our_own() -> None:
    board, shelf, changes, _ = make([""], [""])
    board.update(ports(["Midi Through Port-0"], ["Midi Through Port-0"]))
    assert told(changes) == [("companion:in", "in", True), ("", "out", True)]
    assert board.send("", b"\xf8")
    assert shelf.sent == [("companion:out", b"\xf8")]
    board.update(ports([], []))
    assert len(changes) == 2


def test_lanes_with_ports_of_their_own_and_none_heard_twice() -> None:
    board, shelf, _, _ = make(["", "keys"], ["", "synth"])
    board.update(ports(["Keys"], ["Piano", "Big Synth"]))
    assert board.send("synth", b"\x01")
    assert not board.send("elsewhere", b"\x02")
    assert shelf.sent == [("Big Synth", b"\x01")]
    source = shelf.opened["Keys"]
    assert isinstance(source, MemoryInput)
    source.deliver(0.0, b"\xf8")
    assert len(board.poll(1.0)) == 1


def test_choosing_another_output_says_goodbye_to_the_old_one_first() -> None:
    board, shelf, changes, _ = make(["none"], ["piano"])
    board.update(ports([], ["Piano", "Synth"]))
    sent_at_change: list[bool] = []
    board._tell = lambda change: (changes.append(change), sent_at_change.append(board.send("", b"\x80\x3c\x00")))[0]
    board.choose("out", "synth")
    assert told(changes)[1:] == [("", "out", False), ("", "out", True)]
    assert [name for name, _ in shelf.sent] == ["Piano", "Synth"]


def test_a_port_that_cannot_be_opened_is_complained_about_once() -> None:
    board, shelf, changes, complaints = make(["keys"], ["none"])
    shelf.broken = True
    for _ in range(5):
        board.update(ports(["Keys"], []))
    assert complaints == ["Keys: busy"]
    shelf.broken = False
    board.update(ports(["Keys"], []))
    assert told(changes) == [("Keys", "in", True)]
