"""The OSC server over a real socket on loopback."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest
from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import build_msg

from companion.errors import UsageError
from companion.runtime.remote.osc import OscServer, parse_address
from companion.runtime.remote.shared import SharedPerformance
from companion.session.api.effects import Notice
from companion.session.api.lane_commands import Mute, Panic
from companion.session.api.transport_commands import SetTempo
from tests.tui.scripted import ScriptedPerformance, snapshot_at


@pytest.fixture
def performance() -> ScriptedPerformance:
    return ScriptedPerformance(lambda seconds: snapshot_at(9.1))


@pytest.fixture
def server(performance: ScriptedPerformance) -> Iterator[OscServer]:
    server = OscServer(SharedPerformance(performance).observe(), port=0)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def client(server: OscServer) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.connect(server.address)
        client.settimeout(5.0)
        yield client


def say(client: socket.socket, path: str, *arguments: object) -> None:
    client.send(build_msg(path, list(arguments)).dgram)


def hear(client: socket.socket, path: str) -> list[object]:
    """The arguments of the next message to this path; other messages are passed over."""
    while True:
        message = OscMessage(client.recv(8192))
        if message.address == path:
            return message.params


def test_messages_become_commands_in_order(client, performance) -> None:
    say(client, "/companion/tempo", 100.0)
    say(client, "/companion/mute", 2, 1)
    say(client, "/companion/panic")
    hear(client, "/companion/bpm")
    end = time.monotonic() + 5
    while len(performance.sent) < 3 and time.monotonic() < end:
        hear_nothing_in_particular(client)
    assert performance.sent == [SetTempo(100.0), Mute(1, True), Panic()]


def hear_nothing_in_particular(client: socket.socket) -> None:
    say(client, "/companion/subscribe")
    hear(client, "/companion/bpm")


def test_a_subscriber_hears_the_state(client) -> None:
    say(client, "/companion/subscribe")
    assert hear(client, "/companion/bar") == [5, 3]
    assert hear(client, "/companion/lane") == [1, "you", 0, 0]


def test_a_refused_message_is_answered_and_shown_once(client, performance, server) -> None:
    screen = server._observer._shared
    say(client, "/nowhere")
    assert hear(client, "/companion/error") == ["unknown OSC address /nowhere"]
    client.send(b"\x00\xff not OSC")
    assert hear(client, "/companion/error") == ["not an OSC packet"]
    assert screen.events() == [Notice("warning", "OSC: unknown OSC address /nowhere")]
    assert performance.sent == []


def test_a_notice_reaches_screen_and_client(client, performance, server) -> None:
    screen = server._observer._shared
    hear_nothing_in_particular(client)
    performance.happened.append(Notice("info", "hello"))
    assert hear(client, "/companion/notice") == ["info", "hello"]
    assert Notice("info", "hello") in screen.events()


def test_an_address_in_use_is_refused_in_one_line(server, performance) -> None:
    with pytest.raises(UsageError, match=r"--osc 127.0.0.1:\d+: "):
        OscServer(SharedPerformance(performance).observe(), *server.address)


@pytest.mark.parametrize(
    ("text", "address"),
    [("", ("127.0.0.1", 7400)), ("9000", ("127.0.0.1", 9000)), ("0.0.0.0:9", ("0.0.0.0", 9)), ("[::1]:9", ("::1", 9))],
)
def test_addresses_are_loopback_unless_named(text: str, address: tuple[str, int]) -> None:
    assert parse_address(text) == address


@pytest.mark.parametrize("text", ["x", "host:9", "1:99999", "-1"])
def test_a_wrong_address_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--osc"):
        parse_address(text)
