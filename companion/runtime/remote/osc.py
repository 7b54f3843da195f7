"""The OSC server: a UDP socket through which other programs control a performance and receive its state.

Messages are read by python-osc. A client that sends `/companion/subscribe` (or any other message) hears the state from then on, at the
address it sent from, until it has been silent for a minute. The socket is on loopback unless an address is named.
"""

from __future__ import annotations

import ipaddress
import socket
import threading
import time
from typing import Any

from pythonosc.osc_message_builder import ArgValue, build_msg
from pythonosc.osc_packet import OscPacket, ParseError

from companion.errors import CommandError, UsageError
from companion.runtime.remote.addresses import commands_for
from companion.runtime.remote.meanings import one_line
from companion.runtime.remote.shared import Observer
from companion.runtime.remote.state import changes, state_of
from companion.session.api.effects import Notice

DEFAULT_PORT = 7400  # midigpt's port, so that its patches find us
LOOPBACK = "127.0.0.1"
LOOK_SECONDS = 0.05
FORGET_SECONDS = 60.0
MAX_CLIENTS = 16
MAX_PACKET_BYTES = 8192

Client = tuple[str, int]


def parse_address(text: str) -> tuple[str, int]:
    """ "9000" or "192.168.1.5:9000" → host and port; "" is loopback and the default port. Raises UsageError."""
    host, _, port = text.rpartition(":")
    host, port = (host or LOOPBACK).strip("[]"), port or str(DEFAULT_PORT)
    if not port.isdecimal() or not 0 <= int(port) <= 65535:
        raise UsageError(f"--osc {text}: expected PORT or HOST:PORT, with a port from 1 to 65535")
    try:
        ipaddress.ip_address(host)
    except ValueError:
        raise UsageError(f"--osc {text}: {one_line(host)} is not an IP address") from None
    return host, int(port)


class OscServer:
    """Serves one performance from `start` to `stop`. Its thread only waits for the socket, 20 times a second."""

    def __init__(self, observer: Observer, host: str = LOOPBACK, port: int = DEFAULT_PORT) -> None:
        """Raises UsageError where the address cannot be used."""
        self._observer = observer
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        try:
            self._socket.bind((host, port))
        except OSError as error:
            self._socket.close()
            raise UsageError(f"--osc {host}:{port}: {error.strerror}") from None
        self._socket.settimeout(LOOK_SECONDS)
        self._heard: dict[Client, float] = {}  # when each client was last heard, in monotonic seconds
        self._told: dict[Client, dict[str, tuple[Any, ...]]] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="osc", daemon=True)
        self.refused = 0

    @property
    def address(self) -> Client:
        """The host and port on which the server listens."""
        return self._socket.getsockname()[:2]

    def start(self) -> None:
        """Start to listen. If the socket is open to the network, every screen says so."""
        host, port = self.address
        if not ipaddress.ip_address(host).is_loopback:
            self._observer.tell(Notice("warning", f"OSC on {host}:{port} is open to the network"))
        self._thread.start()

    def stop(self) -> None:
        """Stop listening."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(10 * LOOK_SECONDS)
        self._socket.close()
        self._observer.close()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                packet, client = self._socket.recvfrom(MAX_PACKET_BYTES)
            except TimeoutError:
                pass
            except OSError:
                # A client that has gone is reported as an error of the next call; only a closed socket ends us.
                if self._socket.fileno() < 0:
                    return
            else:
                self._receive(packet, client[:2], time.monotonic())
            self._tell(time.monotonic())

    def _receive(self, packet: bytes, client: Client, now: float) -> None:
        if client not in self._heard and len(self._heard) >= MAX_CLIENTS:
            self.refused += 1
            return
        self._heard[client] = now
        self._told.setdefault(client, {})
        try:
            messages = [timed.message for timed in OscPacket(packet).messages]
        except (ParseError, ValueError, IndexError, RecursionError):
            self._refuse(client, "not an OSC packet")
            return
        for message in messages:
            if message.address == "/companion/subscribe":
                self._told[client] = {}
                continue
            try:
                wishes = commands_for(message.address, message.params, self._observer.snapshot())
            except CommandError as error:
                self._refuse(client, str(error))
                continue
            for wish in wishes:
                self._observer.send(wish)

    def _refuse(self, client: Client, why: str) -> None:
        self.refused += 1
        if self.refused == 1:
            self._observer.tell(Notice("warning", f"OSC: {why}"))
        self._send(client, "/companion/error", (why,))

    def _tell(self, now: float) -> None:
        for client in [client for client, heard in self._heard.items() if now - heard > FORGET_SECONDS]:
            del self._heard[client], self._told[client]
        notices = [event for event in self._observer.events() if isinstance(event, Notice)]
        snapshot = self._observer.snapshot() if self._heard else None
        if snapshot is None:
            return
        state = state_of(snapshot)
        for client, told in self._told.items():
            for path, arguments in changes(told, state):
                self._send(client, path, arguments)
            for notice in notices:
                self._send(client, "/companion/notice", (notice.level, notice.text))
            self._told[client] = state

    def _send(self, client: Client, path: str, arguments: tuple[ArgValue, ...]) -> None:
        try:
            self._socket.sendto(build_msg(path, list(arguments)).dgram, client)
        except (OSError, ValueError):
            # A client that cannot be reached misses what it was to hear; it asks again when it is back.
            return
