"""A JACK server of our own and an observer that is not our code.

Skipped with a reason where JACK or its tools are missing; with COMPANION_REQUIRE_RIG=1 (as in CI) that is a failure instead.
"""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Callable
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


@dataclass
class Rig:
    """A running JACK server and the processes started beside it; `start` remembers what to end."""

    name: str
    folder: Path
    environment: dict[str, str]
    server: subprocess.Popen[bytes]
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, *command: str, output: Path | None = None) -> subprocess.Popen[bytes]:
        """Start a client of the server."""
        sink = output.open("wb") if output else subprocess.DEVNULL
        process = subprocess.Popen(
            command, env=self.environment, stdin=subprocess.DEVNULL, stdout=sink, stderr=subprocess.STDOUT
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
    """A JACK client that writes down what reaches its inputs, and plays what it is given to its output."""

    def __init__(self, server: str) -> None:
        import jack

        self.heard: dict[str, list[Heard]] = {"notes": [], "clock": []}
        self._to_play: list[bytes] = []
        self._lock = threading.Lock()
        self._client = jack.Client("observer", servername=server, no_start_server=True)
        self._inputs = {name: self._client.midi_inports.register(name) for name in self.heard}
        self._output = self._client.midi_outports.register("play")
        self._client.set_process_callback(self._process)
        self._client.activate()

    def _process(self, frames: int) -> None:
        start = self._client.last_frame_time
        for name, port in self._inputs.items():
            for offset, data in port.incoming_midi_events():
                self.heard[name].append(Heard(start + offset, bytes(data)))
        self._output.clear_buffer()
        with self._lock:
            for data in self._to_play:
                self._output.write_midi_event(0, data)
            self._to_play.clear()

    def play(self, *messages: bytes) -> None:
        """Send at the next period."""
        with self._lock:
            self._to_play.extend(messages)

    def note_ons(self) -> list[Heard]:
        """Keys that went down at the notes input."""
        return [item for item in list(self.heard["notes"]) if item.is_note_on]

    def hanging(self) -> set[tuple[int, int]]:
        """(channel, key) that went down and never came up."""
        down: set[tuple[int, int]] = set()
        for item in list(self.heard["notes"]):
            if item.is_note_on:
                down.add((item.data[0] & 0x0F, item.data[1]))
            elif item.is_note_off:
                down.discard((item.data[0] & 0x0F, item.data[1]))
        return down

    def close(self) -> None:
        """Leave the server."""
        self._client.deactivate()
        self._client.close()
