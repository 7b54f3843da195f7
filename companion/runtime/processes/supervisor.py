"""The supervisor process: starts the others, starts an engine again, watches for hangs, keeps the recording, looks for ports.

`python -m companion.runtime.processes.supervisor FRONT_REALTIME FRONT` (inherited descriptors: the realtime process's end of its link with
the front, and our own). It stands beside the front so that the front may die, and beside the realtime process so that
nothing there waits for a disk or a process to start. It ends when the realtime process has; the engine and the port watch
end with it, at the latest because the system kills them when their parent is gone.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from companion.errors import CompanionError
from companion.midi.file import write_midi
from companion.midi.probe import Ports, parse_line, probe_command
from companion.runtime.ipc.link import Link, adopt, link_pair, pass_descriptor
from companion.runtime.ipc.protocol import Ended, EngineStuck, LogHeader, LogLines, Setup, SupervisorRemark, Wire
from companion.runtime.recording.log_lines import line_of
from companion.runtime.recording.recorder import ERRORS_NAME, LOG_NAME, MIDI_NAME, LogWriter, read_log
from companion.runtime.recording.records import Remark
from companion.runtime.recording.transcript import song_of
from companion.session.api.effects import Notice

WATCH_SECONDS = 1.0
WATCH_PATIENCE_SECONDS = 6.0
REALTIME_PATIENCE_SECONDS, START_PATIENCE_SECONDS = 4.0, 30.0
FIRST_BACK_OFF_SECONDS, LONGEST_BACK_OFF_SECONDS = 0.2, 10.0
LONG_LIFE_SECONDS = 20.0  # an engine that lived so long died of something new: the back-off begins again
clock = time.monotonic


def module_command(module: str, *descriptors: int) -> list[str]:
    """The command line of one of our processes."""
    return [sys.executable, "-m", f"companion.runtime.processes.{module}", *map(str, descriptors)]


def end_process(process: subprocess.Popen[bytes] | None) -> None:
    """Kill and bury."""
    if process is not None:
        with suppress(OSError):
            process.kill()
        with suppress(subprocess.TimeoutExpired):
            process.wait(5)


class EngineKeeper:
    """One engine process at a time, started again when it dies, less and less often."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._process: subprocess.Popen[bytes] | None = None
        self._begun = self._next = clock()
        self._back_off = FIRST_BACK_OFF_SECONDS

    def look(self) -> str:
        """Start one where there is none; returns a line when something happened."""
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
            self._process = subprocess.Popen(
                module_command("engine_process", theirs.fileno()),
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=sys.stderr,
                stderr=sys.stderr,
            )
            pass_descriptor(self._control, ours)
        except OSError as error:
            self._next = now + LONGEST_BACK_OFF_SECONDS
            return f"the engine process cannot be started: {error.strerror}"
        finally:
            ours.close()
            theirs.close()
        self._begun = now
        return f"engine process {self._process.pid} started"

    def kill(self) -> None:
        """End the one there is; `look` will start another."""
        if self._process is not None:
            with suppress(OSError):
                self._process.kill()

    def close(self) -> None:
        """End it for good."""
        end_process(self._process)
        self._process = None


class PortWatch:
    """The probe process: what it says, what it is to connect, and another one when it says nothing any more."""

    def __init__(self, hear: Callable[[Ports], None]) -> None:
        self._hear = hear
        self._process: subprocess.Popen[bytes] | None = None
        self._buffer = b""
        self._heard = clock()

    def look(self) -> None:
        """Read what has come; start the probe where there is none."""
        if self._process is None:
            self._start()
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
        if lines:
            self._heard = clock()
            with suppress(ValueError):
                self._hear(parse_line(lines[-1]))
        if self._process.poll() is not None or clock() - self._heard > WATCH_PATIENCE_SECONDS:
            self.close()
            self._hear(Ports(error="the MIDI driver does not answer"))

    def _start(self) -> None:
        self._process = subprocess.Popen(
            probe_command(WATCH_SECONDS), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        for end in (self._process.stdin, self._process.stdout):
            assert end is not None
            os.set_blocking(end.fileno(), False)
        self._buffer, self._heard = b"", clock()

    def wire(self, wish: Wire) -> None:
        """Have two ports connected or disconnected; a wish that is lost is asked for again."""
        if self._process is not None and self._process.stdin is not None:
            with suppress(OSError):
                os.write(self._process.stdin.fileno(), json.dumps(asdict(wish)).encode() + b"\n")

    def close(self) -> None:
        """End the probe."""
        end_process(self._process)
        if self._process is not None:
            for end in (self._process.stdin, self._process.stdout):
                if end is not None:
                    with suppress(OSError):
                        end.close()
        self._process = None


class Supervisor:
    """See the module."""

    def __init__(self, front: Link, setup: Setup, front_realtime: socket.socket) -> None:
        self._front, self._setup = front, setup
        self._folder = Path(setup.recording) if setup.recording else None
        self._writer: LogWriter | None = None
        ours, theirs = link_pair()
        self._control, their_control = socket.socketpair()
        descriptors = [front_realtime.fileno(), theirs.fileno(), their_control.fileno()]
        self._realtime = subprocess.Popen(
            module_command("realtime", *descriptors),
            pass_fds=descriptors,
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr,
            stderr=sys.stderr,
        )
        for end in (front_realtime, theirs, their_control):
            end.close()
        self._link = Link(ours)
        self._link.send(setup)
        self._heard = clock() + START_PATIENCE_SECONDS  # a loaded machine may take long to start it
        self._engine = EngineKeeper(self._control)
        self._watch = None if setup.player else PortWatch(self._ports_seen)

    def run(self) -> None:
        """Until the realtime process has ended; then the recording is finished and the front told."""
        reason = ""
        try:
            while not self._link.closed:
                begun = clock()
                self._hear()
                self._link.flush()
                self._front.flush()
                self._front.receive()
                self._remark(self._engine.look())
                if self._watch is not None:
                    self._watch.look()
                if clock() - self._heard > REALTIME_PATIENCE_SECONDS and clock() - begun < 1.0:
                    reason = "the MIDI driver stopped answering (has the sound server died?); playing has ended"
                    break
                time.sleep(0.02)
        finally:
            self._close(reason)

    def _hear(self) -> None:
        for value in self._link.receive():
            self._heard = clock()
            if isinstance(value, LogLines):
                self._write(value.first, value.lines)
            elif isinstance(value, Wire) and self._watch is not None:
                self._watch.wire(value)
            elif isinstance(value, EngineStuck):
                self._remark(value.reason)
                self._engine.kill()
            elif isinstance(value, LogHeader) and self._folder is not None:
                self._writer = LogWriter(self._folder, value.line)

    def _write(self, first: int, lines: bytes) -> None:
        if self._writer is None:
            return
        self._writer.write(first, lines)
        if self._writer.error:
            self._front.send(Notice("error", self._writer.error))
            self._writer = None

    def _remark(self, text: str) -> None:
        """For the log: through the realtime process, or by ourselves where that has gone."""
        if text and not self._link.send(SupervisorRemark(text)) and self._writer is not None:
            self._write(self._writer.written, line_of(Remark(clock(), text)) + b"\n")

    def _ports_seen(self, ports: Ports) -> None:
        self._link.send(ports)
        self._front.offer(ports)

    def _close(self, reason: str) -> None:
        self._engine.close()
        if self._watch is not None:
            self._watch.close()
        if not reason:
            with suppress(subprocess.TimeoutExpired):
                self._realtime.wait(2)
        end_process(self._realtime)
        if not reason and self._realtime.returncode:
            reason = f"the realtime process ended with status {self._realtime.returncode}"
        self._remark(reason)
        if self._writer is not None:
            self._writer.close()
            finish_recording(self._writer.path.parent, self._front)
        self._front.send(Ended(reason))
        deadline = clock() + 1.0
        while self._front.pending_bytes and clock() < deadline and not self._front.closed:
            self._front.flush()
            time.sleep(0.005)


def finish_recording(folder: Path, front: Link | None = None) -> None:
    """Write the performance as a MIDI file beside its log; drop an empty error log."""
    errors = folder / ERRORS_NAME
    with suppress(OSError):
        if errors.stat().st_size == 0:
            errors.unlink()
    try:
        write_midi(song_of(read_log(folder / LOG_NAME)), folder / MIDI_NAME)
    except CompanionError as error:
        if front is not None:
            front.send(Notice("warning", str(error)))


def main(arguments: list[str]) -> None:
    """The process itself."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    front_realtime, front = (adopt(int(argument)) for argument in arguments)
    link = Link(front)
    setup = None
    while setup is None and not link.closed:
        setup = next((value for value in link.receive() if isinstance(value, Setup)), None)
        time.sleep(0.002)
    if setup is not None:
        Supervisor(link, setup, front_realtime).run()


if __name__ == "__main__":
    main(sys.argv[1:])
    os._exit(0)
