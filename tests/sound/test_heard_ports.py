"""The realtime process's side of sound, over the real sockets: what is passed on, when, and to whom."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from companion.midi.messages import ControlChange, Message, NoteOff, NoteOn
from companion.midi.port_lists import Ports
from companion.runtime.ports.heard_ports import HeardPorts
from companion.runtime.ports.sound_output import TYPING_PORT, SoundOutput
from companion.sound.wire import Due, SoundSender, receive, sound_pair

NOTE = bytes((0x91, 40, 90))


class Outputs:
    """A set of ports whose default output reaches somebody or not, as the test says."""

    own_names: frozenset[str] = frozenset()

    def __init__(self) -> None:
        self.reaches_someone = False
        self.sent: list[tuple[str, bytes]] = []

    def poll(self, now: float) -> list[tuple[float, str, Message]]:
        return [(now - 0.001, "Keystation", NoteOn(0, 64, 80))]

    def send(self, port: str, data: bytes) -> bool:
        self.sent.append((port, data))
        return self.reaches_someone

    def update(self, ports: Ports) -> None:
        pass

    def choose(self, direction: str, wanted: str) -> None:
        pass

    def engine_settled(self, now: float) -> None:
        pass

    def has_finished(self, now: float) -> bool:
        return False

    def close(self) -> None:
        pass


class Scene:
    """Ports, both sockets' other ends, and a clock that stands."""

    def __init__(self, *, yields: bool = True) -> None:
        sound, self._sound_process = sound_pair()
        keyboard, keys = sound_pair()
        self.keyboard = SoundSender(keyboard)
        self._sound_process.setblocking(False)
        self.ports = Outputs()
        self.heard = HeardPorts(self.ports, SoundOutput(sound, keys, yields=yields), lambda: 100.0)
        self._ends: list[socket.socket] = [self._sound_process, keyboard]

    def arrived(self) -> list[Due]:
        return receive(self._sound_process)

    def close(self) -> None:
        self.heard.close()
        for end in self._ends:
            end.close()


@pytest.fixture
def scene() -> Iterator[Scene]:
    made = Scene()
    yield made
    made.close()


def test_the_default_output_is_heard_and_others_are_not(scene: Scene) -> None:
    assert scene.heard.send("", NOTE)
    assert not scene.heard.send("IAC", NOTE)
    assert scene.arrived() == [Due(100.0, *NOTE)]
    assert scene.ports.sent == [("", NOTE), ("IAC", NOTE)]


def test_a_typed_note_is_captured_with_the_time_of_its_key_and_heard_at_once(scene: Scene) -> None:
    scene.keyboard.send(bytes((0x90, 60, 88)), 99.98)
    scene.keyboard.send(bytes((0x80, 60, 0)), 99.99)
    found = scene.heard.poll(100.0)
    assert found == [
        (99.98, TYPING_PORT, NoteOn(0, 60, 88)),
        (99.99, TYPING_PORT, NoteOff(0, 60, 0)),
        (99.999, "Keystation", NoteOn(0, 64, 80)),
    ]
    assert [due.seconds for due in scene.arrived()] == [99.98, 99.99]
    assert [data[:2] for _, data in scene.ports.sent] == [bytes((0x90, 60)), bytes((0x80, 60))]


def test_a_key_that_took_long_to_arrive_is_not_put_far_into_the_past(scene: Scene) -> None:
    scene.keyboard.send(bytes((0x90, 60, 88)), 90.0)
    assert scene.heard.poll(100.0)[0][0] == 99.75


def test_the_mixer_reaches_the_outputs_but_is_nothing_that_is_played(scene: Scene) -> None:
    scene.keyboard.send(bytes((0xB1, 7, 80)), 100.0)
    assert not any(isinstance(message, ControlChange) for _, _, message in scene.heard.poll(100.0))
    assert scene.arrived() == [Due(100.0, 0xB1, 7, 80)]
    assert scene.ports.sent == [("", bytes((0xB1, 7, 80)))]


def test_it_falls_silent_while_another_synthesizer_is_reached_and_comes_back(scene: Scene) -> None:
    scene.ports.reaches_someone = True
    scene.heard.update(Ports())
    ended = scene.arrived()
    assert {(due.status & 0xF0, due.first) for due in ended} == {(0xB0, 120), (0xB0, 121)}
    assert len({due.status for due in ended}) == 16
    assert scene.heard.send("", NOTE)
    assert scene.arrived() == []
    scene.ports.reaches_someone = False
    scene.heard.update(Ports())
    scene.heard.send("", NOTE)
    assert scene.arrived() == [Due(100.0, *NOTE)]


def test_asked_for_by_name_it_sounds_beside_another_synthesizer() -> None:
    scene = Scene(yields=False)
    try:
        scene.ports.reaches_someone = True
        scene.heard.update(Ports())
        scene.heard.send("", NOTE)
        assert scene.arrived() == [Due(100.0, *NOTE)]
    finally:
        scene.close()


def test_closing_silences_all_channels(scene: Scene) -> None:
    scene.heard.close()
    assert len(scene.arrived()) == 32
