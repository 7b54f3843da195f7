"""The supervisor process: starts the others, starts an engine again, watches for hangs, keeps the recording, looks for ports.

`python -m companion.runtime.processes.supervisor FRONT CONTROL SOUND SOUNDING [FRONT_REALTIME THEIR_CONTROL SOUND_OUT KEYS]`
(inherited descriptors): our link with the front; the end through which links are passed to the realtime process; the end at which a
sound process listens; the memory of what sounds; and, for the first supervisor of a performance, the realtime process's own ends.
A supervisor that takes over from one that was killed finds the realtime process running and gets no such ends.

It is separate from the front so that the front may die. It is separate from the realtime process so that nothing there waits for a
disk or for a process to start. When the realtime process has ended, it ends the remaining notes, completes the recording, and ends too.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from companion.midi.port_lists import Ports
from companion.runtime.engine.engine_keeper import EngineKeeper
from companion.runtime.ipc.link import SUPERVISOR, Link, adopt, link_pair, pass_descriptor
from companion.runtime.ipc.protocol import (
    SOUND_REMARK,
    End,
    Ended,
    EngineStuck,
    Finishing,
    LogHeader,
    LogLines,
    Setup,
    Started,
    SupervisorRemark,
    Wire,
)
from companion.runtime.ports.sounding import SoundingTable
from companion.runtime.processes import children
from companion.runtime.processes.children import end_process, start_module
from companion.runtime.processes.port_watch import PortWatch
from companion.runtime.processes.sound_keeper import SoundKeeper
from companion.runtime.recording.folder import LOG_NAME, LogWriter
from companion.session.api.effects import Notice

REALTIME_PATIENCE_SECONDS, START_PATIENCE_SECONDS = 3.0, 30.0
LOOK_SECONDS = 0.02
SILENCE_SECONDS = 1.5  # how long the probe may take to end what sounds
PROGRESS_SECONDS = 0.5
clock = time.monotonic


class Supervisor:
    """See the module. ends: the realtime process's links, with which it is started; () if it is already running."""

    def __init__(
        self,
        front: Link,
        setup: Setup,
        control: socket.socket,
        sound: socket.socket,
        sounding: int,
        ends: Sequence[socket.socket],
    ) -> None:
        self._front, self._setup = front, setup
        self._folder = Path(setup.recording) if setup.recording else None
        self._writer: LogWriter | None = None
        self._sounding = SoundingTable(sounding)
        self._asked_to_end = False
        self._child: subprocess.Popen[bytes] | None = None
        self._realtime_id = setup.realtime
        ours, theirs = link_pair()
        if ends:
            front_realtime, *others = ends
            descriptors = [front_realtime.fileno(), theirs.fileno(), *(end.fileno() for end in others), sounding]
            self._child = start_module(children.REALTIME, descriptors)
            self._realtime_id = self._child.pid
            for end in ends:
                end.close()
            front.send(Started(self._child.pid))
        else:
            with suppress(OSError):  # it has ended meanwhile, and only the recording remains to be completed
                pass_descriptor(control, theirs, SUPERVISOR)
        theirs.close()
        self._link = Link(ours)
        if ends:
            self._link.send(setup)
        self._heard = clock() + START_PATIENCE_SECONDS  # a loaded machine may take long to start it
        self._engine = EngineKeeper(control)
        self._watch = None if setup.player else PortWatch(self._ports_seen)
        self._sound = SoundKeeper(setup.sound, sound) if setup.sound.wanted(setup.ports.output) else None
        signal.signal(signal.SIGTERM, self._end)

    def _end(self, *_: object) -> None:
        self._asked_to_end = True

    def run(self) -> None:
        """Run until the realtime process has ended. Then complete the recording and tell the front."""
        reason = ""
        try:
            while not self._link.closed:
                begun = clock()
                self._look()
                if clock() - self._heard > REALTIME_PATIENCE_SECONDS and clock() - begun < 1.0:
                    reason = "the MIDI driver or the realtime process stopped answering; playing has ended"
                    break
                time.sleep(LOOK_SECONDS)
        finally:
            self._close(reason)

    def _look(self) -> None:
        self._hear()
        self._link.flush()
        self._front.flush()
        self._front.receive()
        if self._asked_to_end:
            self._link.send(End())
        else:
            self._remark(self._engine.look())
        if self._watch is not None:
            self._watch.look()
        self._mind_the_sound()

    def _mind_the_sound(self) -> None:
        if self._sound is not None:
            for notice in self._sound.look():
                self._remark(notice.text)
                self._front.send(notice)

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
        """Write a line to the log: through the realtime process, or directly if that has ended."""
        if text and not self._link.send(SupervisorRemark(text)) and self._writer is not None:
            self._write(self._writer.written, remark_line(text) + b"\n")

    def _ports_seen(self, ports: Ports) -> None:
        self._link.send(ports)
        self._front.offer(ports)

    # -- the end ------------------------------------------------------------------------------------------------------

    def _close(self, reason: str) -> None:
        reason = self._end_realtime(reason)
        self._silence()
        self._engine.close()
        if self._watch is not None:
            self._watch.close()
        self._hear()
        self._remark(reason)
        if self._sound is not None:
            self._remark(SOUND_REMARK + json.dumps(asdict(self._sound.health)))
            self._sound.close()
        if self._writer is not None:
            self._writer.close()
        if self._folder is not None and (self._folder / LOG_NAME).exists():
            self._finish(self._folder)
        self._front.send(Ended(reason))
        deadline = clock() + 1.0
        while self._front.pending_bytes and clock() < deadline and not self._front.closed:
            self._front.flush()
            time.sleep(0.005)

    def _end_realtime(self, reason: str) -> str:
        """Make sure that the realtime process has ended. Returns the reason if the end was not intended."""
        if self._child is None:  # It is our predecessor's child; its link shows that it has ended.
            if not self._link.closed:
                with suppress(OSError):
                    os.kill(self._realtime_id, signal.SIGKILL)
            return reason
        if not reason:
            with suppress(subprocess.TimeoutExpired):
                self._child.wait(2)
        end_process(self._child)
        if not reason and self._child.returncode:
            reason = f"the realtime process ended with status {self._child.returncode}"
        return reason

    def _silence(self) -> None:
        """End the notes that the realtime process has left sounding."""
        sounding = self._sounding.sounding()
        if not sounding or self._watch is None:
            return
        count = sum(len(keys) for keys in sounding.values())
        sent = self._watch.silence(sounding, SILENCE_SECONDS)
        if sent:
            self._sounding.clear()
            self._remark(f"the supervisor ended {count} notes that still sounded")
        elif sent is None:
            self._front.send(Notice("error", f"{count} notes may still sound: the MIDI driver does not answer"))

    def _finish(self, folder: Path) -> None:
        """Complete the recording. This takes seconds for each hour of music; the front is told that it goes on."""
        done = threading.Event()

        def say() -> None:
            while not done.wait(PROGRESS_SECONDS):
                self._front.send(Finishing())

        speaker = threading.Thread(target=say, name="progress", daemon=True)
        speaker.start()
        # Reading a log back needs the whole language of the session, which this process needs for nothing else.
        from companion.runtime.recording.finish import finish_recording

        gc.disable()  # Hours of music are millions of small values that all stay in memory, and this process ends afterwards.
        complaint = finish_recording(folder)
        done.set()
        speaker.join()
        if complaint:
            self._front.send(Notice("warning", complaint))


def remark_line(text: str) -> bytes:
    """A line of the log, as the realtime process would have written it."""
    from companion.runtime.recording.log_lines import line_of
    from companion.runtime.recording.records import Remark

    return line_of(Remark(clock(), text))


def main(arguments: list[str]) -> None:
    """The process itself."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    descriptors = [int(argument) for argument in arguments]
    front, control, sound = map(adopt, descriptors[:3])
    link = Link(front)
    setup = None
    while setup is None and not link.closed:
        setup = next((value for value in link.receive() if isinstance(value, Setup)), None)
        time.sleep(0.002)
    if setup is not None:
        ends = [adopt(descriptor) for descriptor in descriptors[4:]]
        Supervisor(link, setup, control, sound, descriptors[3], ends).run()


if __name__ == "__main__":
    main(sys.argv[1:])
    os._exit(0)
