"""The front's end of a performance: starts the supervisor, sends wishes, hears the newest picture.

The supervisor is the only child; it and everything it starts live in a session (process group) of their own, so that Ctrl-C reaches the
front alone, and so that all of it can be ended together should it not end by itself.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from companion.errors import CompanionError, UsageError
from companion.midi.ports import stable_name
from companion.midi.probe import Ports
from companion.runtime.front.performance import LaunchOptions, PortList
from companion.runtime.ipc.link import Link, link_pair
from companion.runtime.ipc.protocol import ChoosePort, End, Ended, OwnPorts, Setup
from companion.runtime.processes.supervisor import module_command
from companion.runtime.recording.recorder import ERRORS_NAME, new_folder
from companion.session.api.effects import Learned, Notice, PassFinished
from companion.session.api.events import Command
from companion.session.api.settings import SessionSettings
from companion.session.api.snapshot import Snapshot

STOP_SECONDS = 8.0


def start(options: LaunchOptions) -> LivePerformance:
    """Start the processes of a performance. Raises UsageError where the system cannot run them."""
    if sys.platform == "win32":
        raise UsageError(
            "live playing needs Linux or macOS; here, use: companion demo --headless --seed 1 --out FILE.mid"
        )
    folder, complaint = None, ""
    if options.keep_recording:
        try:
            folder = new_folder(options.record_dir, options.title)
        except CompanionError as error:
            if options.record_dir is not None:
                raise
            complaint = str(error)
    setup = Setup(
        settings=with_seed(options.settings),
        ports=options.ports,
        title=options.title,
        player=options.player,
        bars=options.bars,
        recording=str(folder) if folder else "",
    )
    performance = LivePerformance(options, setup, folder)
    if complaint:
        performance.complain(complaint)
    return performance


def with_seed(settings: SessionSettings) -> SessionSettings:
    """The same settings with a seed drawn now, where they name none; the session itself draws nothing."""
    if settings.model.seed >= 0:
        return settings
    return replace(settings, model=replace(settings.model, seed=random.SystemRandom().randrange(2**31)))


class LivePerformance:
    """See `companion.runtime.front.performance.Performance`."""

    def __init__(self, options: LaunchOptions, setup: Setup, folder: Path | None) -> None:
        self._options, self._folder = options, folder
        realtime_ours, realtime_theirs = link_pair()
        ours, theirs = link_pair()
        descriptors = [realtime_theirs.fileno(), theirs.fileno()]
        with open(folder / ERRORS_NAME if folder else os.devnull, "ab") as errors:
            self._process = subprocess.Popen(
                module_command("supervisor", *descriptors),
                pass_fds=descriptors,
                stdin=subprocess.DEVNULL,
                stdout=errors,
                stderr=errors,
                start_new_session=True,
            )
        realtime_theirs.close()
        theirs.close()
        self._realtime, self._supervisor = Link(realtime_ours), Link(ours)
        self._supervisor.send(setup)
        self._snapshot: Snapshot | None = None
        self._events: list[Notice | Learned | PassFinished] = []
        self._ports = Ports()
        self._own_ports: frozenset[str] = frozenset()
        self._stopped = False
        self._ended: str | None = None
        self.setup = setup

    @property
    def options(self) -> LaunchOptions:
        """See `Performance`."""
        return self._options

    @property
    def recording(self) -> Path | None:
        """See `Performance`."""
        return self._folder

    def send(self, command: Command) -> None:
        """See `Performance`."""
        self._realtime.send(command)

    def choose_port(self, direction: str, name: str) -> None:
        """See `Performance`."""
        self._realtime.send(ChoosePort(direction, name))

    def complain(self, text: str) -> None:
        """Add a warning of the front's own."""
        self._events.append(Notice("warning", text))

    def snapshot(self) -> Snapshot | None:
        """See `Performance`."""
        self._hear()
        return self._snapshot

    def events(self) -> list[Notice | Learned | PassFinished]:
        """See `Performance`."""
        self._hear()
        events, self._events = self._events, []
        return events

    def list_ports(self) -> PortList:
        """See `Performance`."""
        self._hear()
        inputs, outputs = (
            tuple(name for name in self._ports.names(direction) if stable_name(name) not in self._own_ports)
            for direction in ("in", "out")
        )
        return PortList(inputs, outputs, self._ports.error)

    def alive(self) -> bool:
        """See `Performance`."""
        self._hear()
        return not self._realtime.closed and self._ended is None

    @property
    def ended(self) -> str | None:
        """Why it ended, "" = as meant; None while it goes on."""
        self._hear()
        return self._ended

    def processes(self) -> int:
        """The supervisor's process id; the others are in its process group."""
        return self._process.pid

    def stop(self) -> None:
        """See `Performance`."""
        if self._stopped:
            return
        self._stopped = True
        self._realtime.send(End())
        deadline = time.monotonic() + STOP_SECONDS
        while self._process.poll() is None and time.monotonic() < deadline:
            self._hear()
            time.sleep(0.01)
        self._hear()
        with suppress(OSError):
            os.killpg(self._process.pid, signal.SIGKILL)  # what has not ended by now, ends
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(2)
        self._realtime.close()
        self._supervisor.close()

    def _hear(self) -> None:
        self._realtime.flush()
        for value in self._realtime.receive():
            if isinstance(value, Snapshot):
                self._snapshot = value
            elif isinstance(value, OwnPorts):
                self._own_ports = value.names
            elif isinstance(value, (Notice, Learned, PassFinished)):
                self._events.append(value)
        for value in self._supervisor.receive():
            if isinstance(value, Ports):
                self._ports = value
            elif isinstance(value, Notice):
                self._events.append(value)
            elif isinstance(value, Ended):
                self._ended = value.reason
                if value.reason:
                    self._events.append(Notice("error", value.reason))
