"""A JACK server of our own and an observer that is not our code.

Skipped with a reason where JACK or its tools are missing; with COMPANION_REQUIRE_RIG=1 (as in CI) that is a failure instead.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

TOOLS = ("jackd", "jack_wait", "jack_midi_clock", "jack_mclk_dump", "klick")
SAMPLE_RATE, PERIOD = 48_000, 64


def missing_rig(reason: str) -> None:
    if os.environ.get("COMPANION_REQUIRE_RIG") == "1":
        pytest.fail(f"the MIDI rig is required, but {reason}")
    pytest.skip(f"no MIDI rig: {reason}")


def wait_until(condition: Callable[[], object], seconds: float = 20.0, what: str = "") -> None:
    """Wait for something that other processes bring about."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"waited {seconds} s in vain for {what or condition}")
        time.sleep(0.02)


@contextmanager
def free_server_name() -> Iterator[str]:
    """One of a few fixed server names, ours until the block ends.

    JACK's registry in shared memory has 8 places a user, and the place of a server that was killed is given out again only to
    one of the same name: with a new name each time, the eighth killed server is the last that starts until the next boot.
    """
    for number in range(4):
        with (Path(tempfile.gettempdir()) / f"companion-rig-{os.getuid()}-{number}.lock").open("w") as place:
            try:
                fcntl.flock(place, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            yield f"companion-rig-{number}"
            return
    missing_rig("four other test runs hold its server names")


def dying_with_us(*command: str) -> list[str]:
    """A command line whose process the kernel kills when ours ends, however it ends."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL", *command] if setpriv else list(command)


def end(process: subprocess.Popen[bytes], patience: float = 5.0) -> None:
    """Make sure that a process has ended: it is asked, then forced."""
    for ask in (process.terminate, process.kill):
        if process.poll() is not None:
            return
        ask()
        with suppress(subprocess.TimeoutExpired):
            process.wait(patience)


def start_server(name: str, folder: Path, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    """A JACK server with a dummy driver."""
    driver = ("-d", "dummy", "-r", str(SAMPLE_RATE), "-p", str(PERIOD))
    command = dying_with_us("jackd", "-S", "-R", "-P70", "-n", name, "--port-max", "64", *driver)
    with (folder / "jackd.log").open("ab") as log:
        return subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)


@dataclass
class Rig:
    """A running JACK server and the processes started beside it; `start` remembers what to end."""

    name: str
    folder: Path
    environment: dict[str, str]
    server: subprocess.Popen[bytes]
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def wait_for_server(self) -> None:
        """Until clients can connect, or the server has ended. (`jack_wait -w` would look once a second.)"""

        def is_there() -> bool:
            return self.server.poll() is not None or self.run("jack_wait", "-s", self.name, "-c").strip() == "running"

        wait_until(is_there, what="the server")

    def restart_server(self) -> None:
        """Another server of the same name, where the last one has died."""
        self.server.wait(5)
        self.server = start_server(self.name, self.folder, self.environment)
        self.wait_for_server()

    def start(self, *command: str, output: Path | None = None) -> subprocess.Popen[bytes]:
        """Start a client of the server."""
        with (output or Path(os.devnull)).open("wb") as sink:
            process = subprocess.Popen(
                dying_with_us(*command),
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
            )
        self.processes.append(process)
        return process

    def run(self, *command: str, text: str = "") -> str:
        """Run a tool to its end."""
        done = subprocess.run(
            command, env=self.environment, input=text, capture_output=True, text=True, timeout=20, check=False
        )
        return done.stdout

    def ports(self) -> list[str]:
        """All ports of the server."""
        return self.run("jack_lsp").splitlines()

    def close(self) -> None:
        """End the clients, then the server, and remove what a killed server leaves in shared memory."""
        for process in [*reversed(self.processes), self.server]:
            end(process)
        for left in Path("/dev/shm").glob(f"jack*{self.name}_*"):
            with suppress(OSError):
                left.unlink()

    def connect(self, source: str, sink: str) -> None:
        """Connect two ports as soon as both are there."""
        wait_until(lambda: {source, sink} <= set(self.ports()), what=f"{source} and {sink}")
        self.run("jack_connect", source, sink)


@dataclass(frozen=True)
class Heard:
    """One message as the server delivered it; frame: exact to the sample (48 a millisecond)."""

    frame: int
    data: bytes

    @property
    def is_note_on(self) -> bool:
        """Whether a key goes down."""
        return self.data[0] & 0xF0 == 0x90 and self.data[2] > 0

    @property
    def is_note_off(self) -> bool:
        """Whether a key comes up."""
        return self.data[0] & 0xF0 == 0x80 or (self.data[0] & 0xF0 == 0x90 and self.data[2] == 0)


class Observer:
    """A JACK client in a process of its own: writes down what reaches its inputs, and plays what it is given to its output.

    Its crash, or its server's death, is the failure of the test that asks it next, never the end of the tests.
    """

    def __init__(self, rig: Rig) -> None:
        self.heard: dict[str, list[Heard]] = {"notes": [], "clock": []}
        self._errors = rig.folder / "observer.txt"
        with self._errors.open("wb") as errors:
            self._process = subprocess.Popen(
                dying_with_us(
                    sys.executable, str(Path(__file__).with_name("observer_process.py")), rig.name, *self.heard
                ),
                env=rig.environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
            )
        self._ready = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        try:
            wait_until(lambda: self._alive() and self._ready.is_set(), what="the observer")
        except BaseException:
            self.close()
            raise

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            value = json.loads(line)
            if value == "ready":
                self._ready.set()
                continue
            for name, frame, data in value:
                self.heard[name].append(Heard(frame, bytes.fromhex(data)))

    def _alive(self) -> bool:
        if self._process.poll() is not None:
            pytest.fail(
                f"the observer ended with {self._process.returncode}: {self._errors.read_text(errors='replace')[-500:]}"
            )
        return True

    def play(self, *messages: bytes) -> None:
        """Send at the next period."""
        assert self._process.stdin is not None
        self._alive()
        try:
            self._process.stdin.write(json.dumps([message.hex() for message in messages]).encode() + b"\n")
            self._process.stdin.flush()
        except OSError as error:
            pytest.fail(f"the observer hears no more: {error}")

    def note_ons(self) -> list[Heard]:
        """Keys that went down at the notes input."""
        self._alive()
        return [item for item in list(self.heard["notes"]) if item.is_note_on]

    def hanging(self) -> set[tuple[int, int]]:
        """(channel, key) that went down and never came up."""
        self._alive()
        down: set[tuple[int, int]] = set()
        for item in list(self.heard["notes"]):
            if item.is_note_on:
                down.add((item.data[0] & 0x0F, item.data[1]))
            elif item.is_note_off:
                down.discard((item.data[0] & 0x0F, item.data[1]))
        return down

    def close(self) -> None:
        """Leave the server, or be made to."""
        assert self._process.stdin is not None
        with suppress(OSError):
            self._process.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(3)
        end(self._process)
        self._reader.join(5)
