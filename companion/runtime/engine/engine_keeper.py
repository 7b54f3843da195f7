"""One engine process at a time, started again when it dies, less and less often."""

from __future__ import annotations

import socket
import subprocess
import time
from contextlib import suppress

from companion.runtime.ipc.ends import ENGINE, link_pair, pass_descriptor
from companion.runtime.processes import children
from companion.runtime.processes.children import end_process, start_module

FIRST_BACK_OFF_SECONDS, LONGEST_BACK_OFF_SECONDS = 0.2, 10.0
LONG_LIFE_SECONDS = 20.0  # An engine that has lived this long died of something new, so the back-off starts again.
clock = time.monotonic


class EngineKeeper:
    """Starts the engine and passes the end of its link to the realtime process through `control`."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._process: subprocess.Popen[bytes] | None = None
        self._begun = self._next = clock()
        self._back_off = FIRST_BACK_OFF_SECONDS

    def look(self) -> str:
        """Start an engine if none runs. Returns a line if something happened."""
        now = clock()
        if self._process is not None and self._process.poll() is not None:
            code = self._process.returncode
            self._process = None
            if now - self._begun > LONG_LIFE_SECONDS:
                self._back_off = FIRST_BACK_OFF_SECONDS
            self._next = now + self._back_off
            self._back_off = min(self._back_off * 2, LONGEST_BACK_OFF_SECONDS)
            return f"the engine process ended with status {code}"
        if self._process is None and now >= self._next:
            return self._start(now)
        return ""

    def _start(self, now: float) -> str:
        ours, theirs = link_pair()
        try:
            self._process = start_module(children.ENGINE, [theirs.fileno()])
            pass_descriptor(self._control, ours, ENGINE)
        except OSError as error:
            self._next = now + LONGEST_BACK_OFF_SECONDS
            return f"the engine process cannot be started: {error.strerror}"
        finally:
            ours.close()
            theirs.close()
        self._begun = now
        return f"engine process {self._process.pid} started"

    def kill(self) -> None:
        """End the running engine; `look` will start another."""
        if self._process is not None:
            with suppress(OSError):
                self._process.kill()

    def close(self) -> None:
        """End it for good."""
        end_process(self._process)
        self._process = None
