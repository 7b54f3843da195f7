"""The front's end of a performance: starts the supervisor, sends commands and receives snapshots.

The supervisor is the only child; it and everything it starts live in a session (process group) of their own, so that Ctrl-C reaches the
front alone, and so that all of it can be ended together should it not end by itself.
"""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

from companion.errors import CompanionError, UsageError
from companion.midi.port_lists import Ports, silence_ports
from companion.midi.ports import stable_name
from companion.runtime.front.performance import HasHappened, LaunchOptions, PortList
from companion.runtime.ipc.ends import link_pair
from companion.runtime.ipc.link import Link
from companion.runtime.ipc.protocol import Account, ChoosePort, End, Ended, Finishing, OwnPorts, Setup, Started
from companion.runtime.ports.sounding import Keys, SoundingTable, sounding_memory
from companion.runtime.processes.children import SUPERVISOR, module_command
from companion.runtime.recording.folder import ERRORS_NAME, MIDI_NAME, new_folder, open_private
from companion.session.api.effects import Notice
from companion.session.api.events import Command
from companion.session.api.settings import SessionSettings
from companion.session.api.snapshot import Snapshot
from companion.sound.wire import SoundSender, sound_pair

STOP_SECONDS = 8.0  # how long to wait without a sign of life from the process that completes the recording
FINISH_SECONDS = 600.0  # with one
MAX_TAKEOVERS = 5
SILENCE_SECONDS = 3.0
SUPERVISOR_SILENCES_SECONDS = 0.6  # how long the supervisor has to end the notes after the realtime process has gone


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
        sound=options.sound,
    )
    performance = LivePerformance(options, setup, folder)
    if complaint:
        performance.complain(complaint)
    return performance


def with_seed(settings: SessionSettings) -> SessionSettings:
    """The same settings with a new seed where they have none; the session itself draws no random seed."""
    if settings.model.seed >= 0:
        return settings
    return replace(settings, model=replace(settings.model, seed=random.SystemRandom().randrange(2**31)))


class LivePerformance:
    """See `companion.runtime.front.performance.Performance`."""

    def __init__(self, options: LaunchOptions, setup: Setup, folder: Path | None) -> None:
        self._options, self._folder = options, folder
        self.setup = setup
        self._sounding = sounding_memory()
        self._control, their_control = socket.socketpair()
        sound_out, self._sound = sound_pair()
        keys_ours, keys_theirs = sound_pair()
        self._keys = SoundSender(keys_ours)
        realtime_ours, realtime_theirs = link_pair()
        self._realtime = Link(realtime_ours)
        self._realtime_id = 0
        self._groups: list[int] = []  # process groups to kill at the end
        ends = (realtime_theirs, their_control, sound_out, keys_theirs)
        self._process, self._supervisor = self._start_supervisor(setup, ends)
        for end in ends:
            end.close()
        self._takeovers = 0
        self._snapshot: Snapshot | None = None
        self._events: list[HasHappened] = []
        self._ports = Ports()
        self._wires: tuple[
            tuple[str, str], ...
        ] = ()  # as they were while the realtime process lived; its death cuts them
        self._own_ports: frozenset[str] = frozenset()
        self._stopped = False
        self._ended: str | None = None
        self._summary: Mapping[str, Any] = {}
        self._finishing_heard = 0.0
        self._has_silenced = False

    def _start_supervisor(
        self, setup: Setup, ends: Sequence[socket.socket] = ()
    ) -> tuple[subprocess.Popen[bytes], Link]:
        """ends: the links of the realtime process that it starts; () to take over a running one."""
        ours, theirs = link_pair()
        ours_too = [theirs.fileno(), self._control.fileno(), self._sound.fileno(), self._sounding]
        inherited = [*ours_too, *(end.fileno() for end in ends)]
        with open_errors(self._folder) as errors:
            process = subprocess.Popen(
                module_command(SUPERVISOR, *inherited),
                pass_fds=inherited,
                stdin=subprocess.DEVNULL,
                stdout=errors,
                stderr=errors,
                start_new_session=True,
            )
        theirs.close()
        self._groups.append(process.pid)
        link = Link(ours)
        link.send(setup)
        return process, link

    def _replace_supervisor(self) -> None:
        """If the supervisor was killed and the music plays on, start another one, which looks after recording, engine and ports."""
        running = self._process.poll() is None or self._realtime.closed or self._ended is not None
        if running or not self._realtime_id or self._takeovers >= MAX_TAKEOVERS:
            return
        self._takeovers += 1
        self._supervisor.close()
        with suppress(OSError):
            self._process, self._supervisor = self._start_supervisor(replace(self.setup, realtime=self._realtime_id))

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

    def play_key(self, data: bytes, struck_at: float) -> None:
        """See `Performance`."""
        self._keys.send(data, struck_at)

    def choose_port(self, direction: str, name: str) -> None:
        """See `Performance`."""
        self._realtime.send(ChoosePort(direction, name))

    def complain(self, text: str) -> None:
        """Add a warning from the front."""
        self._events.append(Notice("warning", text))

    def snapshot(self) -> Snapshot | None:
        """See `Performance`."""
        self._hear()
        return self._snapshot

    def events(self) -> list[HasHappened]:
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
        """Why it ended: "" if that was intended, None while it goes on."""
        self._hear()
        return self._ended

    def processes(self) -> int:
        """The supervisor's process id; the others are in its process group."""
        return self._process.pid

    @property
    def summary(self) -> Mapping[str, Any]:
        """The numbers of the whole performance from the realtime process; {} until it has ended."""
        return self._summary

    def stop(self) -> None:
        """See `Performance`."""
        if self._stopped:
            return
        self._stopped = True
        self._realtime.send(End())
        begun = self._finishing_heard = time.monotonic()
        while not self._is_over():
            now = time.monotonic()
            if now - self._finishing_heard > STOP_SECONDS or now - begun > FINISH_SECONDS:
                break
            self._hear()
            if self._realtime.closed and now - begun > SUPERVISOR_SILENCES_SECONDS:
                self._silence()
            time.sleep(0.01)
        self._hear()
        for group in self._groups:
            with suppress(OSError):
                os.killpg(group, signal.SIGKILL)  # kill whatever has not ended by now
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(2)
        self._silence()
        if self._ended is None and self._folder is not None and not (self._folder / MIDI_NAME).exists():
            from companion.runtime.recording.finish import finish_recording

            finish_recording(self._folder)  # the supervisor was killed while it did so
        self._realtime.close()
        self._supervisor.close()
        self._control.close()
        self._keys.close()
        self._sound.close()
        os.close(self._sounding)

    def _silence(self) -> None:
        """End the remaining notes. Only this process can when the realtime process and the supervisor have died together."""
        if self._has_silenced:
            return
        self._has_silenced = True
        wanted: dict[str, Keys] = {}
        for name, keys in SoundingTable(self._sounding).sounding().items():
            sinks = [sink for source, sink in self._wires if source == name]
            wanted |= dict.fromkeys(sinks or [name], keys)
        if wanted and not silence_ports(wanted, SILENCE_SECONDS):
            self.complain("notes may still sound: the MIDI driver does not answer")

    def _is_over(self) -> bool:
        gone = self._process.poll() is not None
        return gone and (self._realtime.closed or self._ended is not None or self._takeovers >= MAX_TAKEOVERS)

    def _hear(self) -> None:
        self._realtime.flush()
        for value in self._realtime.receive():
            if isinstance(value, Snapshot):
                self._snapshot = value
            elif isinstance(value, OwnPorts):
                self._own_ports = value.names
            elif isinstance(value, Account):
                self._summary = value.summary
            elif isinstance(value, HasHappened):
                self._events.append(value)
        for value in self._supervisor.receive():
            if isinstance(value, Ports):
                self._ports = value
                if not self._realtime.closed:
                    self._wires = tuple(value.wires or ())
            elif isinstance(value, Notice):
                self._events.append(value)
            elif isinstance(value, Started):
                self._realtime_id = value.realtime
            elif isinstance(value, Finishing):
                self._finishing_heard = time.monotonic()
            elif isinstance(value, Ended):
                self._ended = value.reason
                if value.reason:
                    self._events.append(Notice("error", value.reason))
        self._replace_supervisor()


def open_errors(folder: Path | None) -> BinaryIO:
    """Open the file for our processes' errors: beside the recording, or nowhere."""
    if folder is None:
        return open(os.devnull, "ab")
    return os.fdopen(open_private(folder / ERRORS_NAME, os.O_WRONLY | os.O_APPEND), "ab")
