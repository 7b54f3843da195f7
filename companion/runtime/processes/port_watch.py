"""Runs the probe process, which lists ports, connects them, and sends note-offs when no other process can."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict

from companion.midi.port_lists import Ports, parse_line, probe_command
from companion.runtime.ipc.protocol import Wire
from companion.runtime.ports.sounding import Keys
from companion.runtime.processes.children import end_process

WATCH_SECONDS = 1.0
WATCH_PATIENCE_SECONDS = 6.0
clock = time.monotonic


class PortWatch:
    """Keeps a probe running and starts another one when it ends or no longer answers."""

    def __init__(self, hear: Callable[[Ports], None]) -> None:
        self._hear = hear
        self._process: subprocess.Popen[bytes] | None = None
        self._buffer = b""
        self._heard = clock()
        self._silenced: int | None = None

    def look(self) -> None:
        """Read the probe's messages; start a probe if none runs."""
        if self._process is None:
            self._start()
        process = self._process
        assert process is not None
        ended = process.poll() is not None  # checked first: messages from before its end are read below
        self._read()
        if not ended and clock() - self._heard > WATCH_PATIENCE_SECONDS:
            self._hear(Ports(error="the MIDI driver does not answer", answered=False))
            ended = True
        if ended:
            self.close()

    def _read(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        while True:
            try:
                data = os.read(self._process.stdout.fileno(), 65536)
            except BlockingIOError:
                break
            if not data:
                break
            self._buffer += data
        *lines, self._buffer = self._buffer.split(b"\n")
        for line in lines:
            self._heard = clock()
            with suppress(ValueError):
                if line.startswith(b'{"silenced"'):
                    self._silenced = int(json.loads(line)["silenced"])
                else:
                    self._hear(parse_line(line))

    def _start(self) -> None:
        self._process = subprocess.Popen(
            probe_command(WATCH_SECONDS), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        for end in (self._process.stdin, self._process.stdout):
            assert end is not None
            os.set_blocking(end.fileno(), False)
        self._buffer, self._heard = b"", clock()

    def wire(self, wish: Wire) -> None:
        """Ask for two ports to be connected or disconnected. A lost request is repeated by the caller."""
        self._say(asdict(wish))

    def silence(self, sounding: Mapping[str, Keys], patience_seconds: float) -> int | None:
        """End these notes at the ports to which our outputs were connected. Waits. Returns the number of messages, None without an answer.

        A probe that was started after the outputs had gone does not know what they played to, and sends nothing.
        """
        self._silenced = None
        self._say({"silence": sounding})
        deadline = clock() + patience_seconds
        while self._silenced is None and clock() < deadline and self._process is not None:
            self.look()
            time.sleep(0.005)
        return self._silenced

    def _say(self, wish: Mapping[str, object]) -> None:
        if self._process is not None and self._process.stdin is not None:
            with suppress(OSError):
                os.write(self._process.stdin.fileno(), json.dumps(wish).encode() + b"\n")

    def close(self) -> None:
        """End the probe."""
        end_process(self._process)
        if self._process is not None:
            for end in (self._process.stdin, self._process.stdout):
                if end is not None:
                    with suppress(OSError):
                        end.close()
        self._process = None
