"""A real host in a process of its own, and peers that speak to it over real sockets."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import psutil
import zmq
from zmq.utils.monitor import recv_monitor_message

from companion.runtime.ipc.protocol import REMOTE_PROTOCOL, Hello
from companion.runtime.ipc.wire import decode, encode
from companion.runtime.remote_engine.curve import new_keys, public_of
from companion.runtime.remote_engine.pairing import GuestStore, HostStore

PATIENCE_SECONDS = 120.0


def wait_until(condition: Callable[[], Any], what: str) -> Any:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (found := condition()):
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.01)
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class HostProcess:
    """`companion engine` with its own configuration folder. `lines` is what it has printed.

    where: the address it listens on; inside: what is entered to start it, such as a network namespace.
    """

    def __init__(
        self,
        folder: Path,
        checkpoint: str,
        port: int | None = None,
        where: str = "127.0.0.1",
        inside: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self.folder, self.port = folder, port or free_port()
        self.checkpoint, self._where, self._inside = checkpoint, where, inside
        self._out = folder / "host.out"
        folder.mkdir(parents=True, exist_ok=True)
        self.store = HostStore(folder / "companion" / "engine")
        self.process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "companion", "engine", "--listen", f"{self._where}:{self.port}"]
        with self._out.open("ab") as out, self._inside():
            return subprocess.Popen(
                [*command, "--checkpoint", self.checkpoint],
                env={**os.environ, "XDG_CONFIG_HOME": str(self.folder)},
                stdout=out,
                stderr=out,
            )

    @property
    def address(self) -> str:
        return f"tcp://{self._where}:{self.port}"

    @property
    def lines(self) -> list[str]:
        """Without the time before each."""
        return [line.partition(" ")[2] for line in self._out.read_text(errors="replace").splitlines()]

    def said(self, text: str) -> bool:
        return any(text in line for line in self.lines)

    def wait_for(self, text: str) -> None:
        wait_until(lambda: self.said(text), f"{text!r}; said so far: {self.lines}")

    def pair(self, folder: Path) -> GuestStore:
        """A guest's store with a fresh token."""
        store = GuestStore(folder / "companion" / "engine")
        store.accept(self.store.new_token(time.time()))
        return store

    def engine(self) -> psutil.Process:
        """The process that holds the model."""
        return wait_until(lambda: psutil.Process(self.process.pid).children(), "the engine process")[0]

    def end(self, by: int = signal.SIGTERM) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.send_signal(by)
        return self.process.wait(20)

    def restart(self) -> None:
        self.end(signal.SIGKILL)
        self.process = self._start()


class Peer:
    """A bare socket with paired keys, which can send anything."""

    def __init__(self, host: HostProcess, secret: str | None = None, server: str | None = None) -> None:
        self.public, own = new_keys()
        if secret is None:
            host.store.own_keys()
            token = host.store.new_token(time.time())
            from companion.runtime.remote_engine.pairing import read_token

            one_time = public_of(read_token(token).secret)
            assert host.store.exchange(one_time, self.public, f"peer {self.public[:4].encode().hex()}", time.time())
        self.context = zmq.Context()
        self.socket = self.context.socket(zmq.DEALER)
        self.socket.linger = 0
        self.socket.curve_serverkey = (server or host.store.own_keys()[0]).encode()
        self.socket.curve_publickey, self.socket.curve_secretkey = self.public.encode(), own.encode()
        self.monitor = self.socket.get_monitor_socket()
        self.socket.connect(host.address)

    def send(self, message: object) -> None:
        self.socket.send(message if isinstance(message, bytes) else encode(message))

    def hear(self, kind: type | tuple[type, ...], seconds: float = PATIENCE_SECONDS) -> Any:
        """The next message of a kind; others are left out."""
        deadline = time.monotonic() + seconds
        while self.socket.poll(1000 * max(0.0, deadline - time.monotonic())):
            message = decode(self.socket.recv())
            if isinstance(message, kind):
                return message
        raise AssertionError(f"no {kind} came")

    def greet(self, performance: str = "one", protocol: int = REMOTE_PROTOCOL) -> None:
        self.send(Hello(protocol, "0.1.0", "laptop", performance))

    def events(self, seconds: float) -> list[int]:
        """What ZeroMQ said of the connection meanwhile."""
        found = []
        deadline = time.monotonic() + seconds
        while self.monitor.poll(1000 * max(0.0, deadline - time.monotonic())):
            found.append(recv_monitor_message(self.monitor)["event"])
        return found

    def close(self) -> None:
        self.socket.disable_monitor()
        self.context.destroy(0)
