"""The slow network of the bench: what passes through it, how late, and what a cut does."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from companion.bench.live.slow_network import SEGMENT_BYTES, STALL_SECONDS, SlowNetwork


@pytest.fixture
def echo_port() -> Iterator[int]:
    """A server that sends back what it gets."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                peer, _ = server.accept()
            except OSError:
                return
            threading.Thread(target=answer, args=(peer,), daemon=True).start()

    def answer(peer: socket.socket) -> None:
        while data := peer.recv(1 << 16):
            peer.sendall(data)
        peer.close()

    threading.Thread(target=serve, daemon=True).start()
    yield server.getsockname()[1]
    server.shutdown(socket.SHUT_RDWR)
    server.close()


def round_trip(client: socket.socket, data: bytes) -> float:
    begun = time.monotonic()
    client.sendall(data)
    got = b""
    while len(got) < len(data):
        piece = client.recv(1 << 16)
        assert piece
        got += piece
    assert got == data
    return time.monotonic() - begun


def has_ended(client: socket.socket) -> bool:
    """Whether the other end has closed the connection; a connection that only stays silent raises TimeoutError."""
    client.settimeout(5)
    try:
        return client.recv(1) == b""
    except ConnectionError:
        return True


def test_both_directions_are_delayed_and_nothing_is_lost_or_reordered(echo_port):
    network = SlowNetwork(echo_port, delay_seconds=0.03)
    with socket.create_connection(("127.0.0.1", network.port)) as client:
        assert round_trip(client, bytes(range(256)) * 1000) >= 0.06
        assert round_trip(client, b"x") >= 0.06
    network.close()


def test_a_lost_segment_holds_up_what_is_behind_it(echo_port):
    network = SlowNetwork(echo_port, loss=1.0)
    with socket.create_connection(("127.0.0.1", network.port)) as client:
        assert round_trip(client, b"x" * SEGMENT_BYTES) >= 2 * STALL_SECONDS
    assert network.stalls == 2
    network.close()


def test_a_cut_ends_connections_and_a_mended_network_takes_new_ones(echo_port):
    network = SlowNetwork(echo_port)
    client = socket.create_connection(("127.0.0.1", network.port))
    round_trip(client, b"x")
    network.cut()
    assert has_ended(client)
    client.close()
    network.mend()
    with socket.create_connection(("127.0.0.1", network.port)) as again:
        round_trip(again, b"y")
    network.close()


def test_a_frozen_network_passes_nothing_on_until_it_is_mended(echo_port):
    network = SlowNetwork(echo_port)
    with socket.create_connection(("127.0.0.1", network.port)) as client:
        round_trip(client, b"x")
        network.freeze()
        client.settimeout(0.2)
        client.sendall(b"late")
        with pytest.raises(TimeoutError):
            client.recv(10)
        network.mend()
        client.settimeout(5)
        assert client.recv(10) == b"late"
    network.close()
