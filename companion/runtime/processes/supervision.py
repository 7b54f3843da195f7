"""What the supervisor does: it starts an engine again, watches for hangs, keeps the recording, looks for ports, keeps sound running.

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
import threading
import time
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from companion.midi.port_lists import Ports
from companion.runtime.ipc.link import Link
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
from companion.runtime.processes.children import end_process
from companion.runtime.processes.port_watch import PortWatch
from companion.runtime.processes.silence import Silence
from companion.runtime.processes.sound_keeper import SoundKeeper
from companion.runtime.recording.folder import LOG_NAME, LogWriter
from companion.session.api.effects import Notice

if TYPE_CHECKING:
    from companion.runtime.processes.supervisor import Begun

REALTIME_PATIENCE_SECONDS, START_PATIENCE_SECONDS = 3.0, 30.0
LOOK_SECONDS = 0.02
SILENCE_SECONDS = 1.5  # how long the probe may take to end what sounds
PROGRESS_SECONDS = 0.5
clock = time.monotonic


class Supervisor:
    """See the module. begun: the processes that `supervisor` has started already."""

    def __init__(self, front: Link, setup: Setup, begun: Begun, sound: socket.socket, sounding: int) -> None:
        self._front, self._setup = front, setup
        self._folder = Path(setup.recording) if setup.recording else None
        self._writer: LogWriter | None = None
        self._sounding = SoundingTable(sounding)
        self._asked_to_end = False
        self._child = begun.realtime
        self._realtime_id = setup.realtime
        self._link = Link(begun.end)
        if self._child is not None:
            self._realtime_id = self._child.pid
            front.send(Started(self._child.pid))
            self._link.send(setup)
        begins = clock()
        self._silence_of_realtime = Silence(
            begins, begins + START_PATIENCE_SECONDS
        )  # a loaded machine starts it slowly
        self._engine = begun.engine
        self._remark(begun.remark)
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
                self._look()
                if self._silence_of_realtime.seconds(clock()) > REALTIME_PATIENCE_SECONDS:
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
            self._silence_of_realtime.heard(clock())
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


def supervise(front: socket.socket, begun: Begun, sound: socket.socket, sounding: int) -> None:
    """Wait until the front says what is performed, then supervise it until it is over."""
    link = Link(front)
    setup = None
    while setup is None and not link.closed:
        setup = next((value for value in link.receive() if isinstance(value, Setup)), None)
        time.sleep(0.002)
    if setup is not None:
        Supervisor(link, setup, begun, sound, sounding).run()
    else:
        begun.engine.close()
