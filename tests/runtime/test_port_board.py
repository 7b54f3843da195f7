"""Ports that come, go and return, with drivers played by memory ports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from companion.errors import PortError
from companion.midi.messages import ClockTick
from companion.midi.port_lists import Ports
from companion.midi.ports import InputPort, MemoryInput, MemoryOutput, OutputPort
from companion.runtime.ports.connector import free_name
from companion.runtime.ports.port_board import PortBoard
from companion.session.api.events import PortChanged


@dataclass
class Shelf:
    """Opens memory ports and remembers them."""

    opened: dict[str, InputPort | OutputPort] = field(default_factory=dict)
    released: list[str] = field(default_factory=list)
    wired: list[tuple[str, str, bool]] = field(default_factory=list)
    sent: list[tuple[str, bytes]] = field(default_factory=list)
    abandoned: list[str] = field(default_factory=list)
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

    def offer_input(self, driver: str, taken: tuple[str, ...], again: str = "") -> InputPort:
        return self.open_input(driver, f"{free_name('in', taken, again)}:in", ())

    def offer_output(self, driver: str, taken: tuple[str, ...], again: str = "") -> OutputPort:
        return self.open_output(driver, f"{free_name('out', taken, again)}:out", ())

    def wire(self, source: str, sink: str, connected: bool) -> None:
        self.wired.append((source, sink, connected))

    def release(self, port: InputPort | OutputPort) -> None:
        self.released.append(port.name)

    def abandon(self, driver: str, ports: Sequence[InputPort | OutputPort]) -> None:
        self.abandoned += [port.name for port in ports]


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
    assert told(changes) == [("companion in:in", "in", True), ("", "out", True)]
    assert board.send("", b"\xf8")
    assert shelf.sent == [("companion out:out", b"\xf8")]
    board.update(ports([], []))
    assert len(changes) == 2


def test_the_ports_that_we_offer_are_known_as_our_own() -> None:
    board, _, _, _ = make(["keys"], [""])
    board.update(ports(["Keys"], []))
    assert board.own_names == {"companion out:out"}, "the other's port that we opened is not ours"


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


def jack(inputs: list[str], outputs: list[str], *wires: tuple[str, str]) -> Ports:
    return Ports((("jack", tuple(inputs)),), (("jack", tuple(outputs)),), wires=wires)


KEYS_WIRE, SYNTH_WIRE = ("Keys:out", "companion in:in"), ("companion out:out", "Synth:in")


def test_wired_from_outside_our_ends_are_made_at_once_and_never_again() -> None:
    board, shelf, changes, complaints = make(["keys"], ["synth"])
    board.update(jack([], []))
    assert set(shelf.opened) == {"companion in:in", "companion out:out"}, "before the others' ends are there"
    assert len(complaints) == 2
    shelf.broken = True  # whoever opens a port from now on holds up the music
    board.update(jack(["Keys:out"], ["Synth:in"]))
    assert shelf.wired == [(*KEYS_WIRE, True), (*SYNTH_WIRE, True)]
    assert changes == []
    board.update(jack(["Keys:out"], ["Synth:in"], KEYS_WIRE, SYNTH_WIRE))
    board.update(jack(["Keys:out"], [], KEYS_WIRE))
    assert told(changes) == [("Keys:out", "in", True), ("", "out", True), ("", "out", False)]
    assert not board.send("synth", b"\x01")
    board.update(jack(["Keys:out"], ["Synth:in"], KEYS_WIRE))
    board.update(jack(["Keys:out"], ["Synth:in"], KEYS_WIRE, SYNTH_WIRE))
    assert told(changes)[3:] == [("", "out", True)]
    assert board.send("synth", b"\x01")
    assert shelf.released == []


def test_a_device_that_was_away_between_two_lists_is_wired_again() -> None:
    board, shelf, changes, _ = make(["keys"], ["none"])
    board.update(jack(["Keys:out"], []))
    board.update(jack(["Keys:out"], [], KEYS_WIRE))
    board.update(jack(["Keys:out"], []))
    assert shelf.wired == [(*KEYS_WIRE, True)] * 2
    assert told(changes) == [("Keys:out", "in", True)]


def test_a_wire_that_cannot_be_made_is_complained_about_once() -> None:
    board, _, changes, complaints = make(["keys"], ["none"])
    for _ in range(9):
        board.update(jack(["Keys:out"], []))
    assert complaints == ["Keys:out: cannot be connected"]
    assert changes == []


def test_choosing_another_wired_port_takes_the_old_wire_away_and_keeps_our_end() -> None:
    board, shelf, changes, _ = make(["none"], ["synth"])
    both = ["Synth:in", "Piano:in"]
    board.update(jack([], both))
    board.update(jack([], both, SYNTH_WIRE))
    board.choose("out", "piano")
    piano = ("companion out:out", "Piano:in")
    assert shelf.wired[1] == (*SYNTH_WIRE, False)
    assert shelf.released == ["companion out:out"]
    board.update(jack([], both, (shelf.opened["companion out:out"].name, "Piano:in")))
    assert shelf.wired[2] == (*piano, True)
    assert told(changes)[-1] == ("", "out", True)


def test_where_no_driver_answers_what_is_open_stays_open() -> None:
    board, _, changes, _ = make(["keys"], ["none"])
    board.update(ports(["Keys"], []))
    board.update(Ports(error="the MIDI driver does not answer"))
    assert told(changes) == [("Keys", "in", True)]


def test_our_ports_have_names_that_nobody_else_has() -> None:
    assert free_name("in", ("Keys:out",)) == "companion in"
    assert free_name("in", ("companion in:in", "companion in 2:in")) == "companion in 3"
