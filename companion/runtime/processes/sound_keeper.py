"""The supervisor's side of sound: keeps one sound process running and passes on its remarks about the device."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from contextlib import suppress

from companion.runtime.ipc.protocol import SOUND_REMARK
from companion.session.api.effects import Notice
from companion.sound.players.player import Health
from companion.sound.process import parse_health, process_command
from companion.sound.settings import SoundChoice

FIRST_BACK_OFF_SECONDS, LONGEST_BACK_OFF_SECONDS = 0.5, 20.0
LONG_LIFE_SECONDS = 20.0
clock = time.monotonic


class SoundKeeper:
    """receiver: the end at which sound processes listen; it stays open here, so that a new one goes on with it."""

    def __init__(self, choice: SoundChoice, receiver: socket.socket) -> None:
        self._choice, self._receiver = choice, receiver
        self._process: subprocess.Popen[bytes] | None = None
        self._buffer = b""
        self._begun = self._next = clock()
        self._back_off = FIRST_BACK_OFF_SECONDS
        self._trouble = self._device = ""
        self.health = Health("")

    def look(self) -> list[Notice]:
        """Start a process if none runs and read its messages. Returns lines for the player if something has changed."""
        now = clock()
        if self._process is None and now >= self._next:
            self._start(now)
        for line in self._lines():
            if (health := parse_health(line)) is not None:
                self.health = health
        if self._process is not None and self._process.poll() is not None:
            self._bury(now)
        return self._news()

    def _news(self) -> list[Notice]:
        health, notices = self.health, []
        if health.trouble and health.trouble != self._trouble:
            notices.append(Notice("warning", f"no sound: {health.trouble}; the music goes on"))
        elif health.device and (self._trouble or not self._device):
            latency = health.latency_ms + health.buffer_ms
            notices.append(Notice("info", f"{SOUND_REMARK}{health.synthesizer} on {health.device}, {latency:.0f} ms"))
        self._trouble, self._device = health.trouble, health.device or self._device
        return notices

    def _start(self, now: float) -> None:
        self._begun = now
        try:
            self._process = subprocess.Popen(
                process_command(self._receiver.fileno(), self._choice),
                pass_fds=[self._receiver.fileno()],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,  # audio libraries write unimportant messages there
            )
        except OSError as error:
            self.health = Health(self._choice.mode, trouble=f"its process cannot be started ({error.strerror})")
            self._next = now + LONGEST_BACK_OFF_SECONDS
            return
        assert self._process.stdout is not None
        os.set_blocking(self._process.stdout.fileno(), False)

    def _lines(self) -> list[bytes]:
        if self._process is None or self._process.stdout is None:
            return []
        while True:
            try:
                data = os.read(self._process.stdout.fileno(), 65536)
            except OSError:
                break
            if not data:
                break
            self._buffer += data
        *lines, self._buffer = self._buffer.split(b"\n")
        return lines

    def _bury(self, now: float) -> None:
        if now - self._begun > LONG_LIFE_SECONDS:
            self._back_off = FIRST_BACK_OFF_SECONDS
        if not self.health.trouble:
            self.health = Health(self.health.synthesizer, trouble="its process has died and is started again")
        self._next = now + self._back_off
        self._back_off = min(2 * self._back_off, LONGEST_BACK_OFF_SECONDS)
        self._end()

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()
        try:
            process.wait(1.0)
        except subprocess.TimeoutExpired:
            process.kill()
            with suppress(subprocess.TimeoutExpired):
                process.wait(2.0)
        self._buffer = b""

    def close(self) -> None:
        """End the sound process."""
        self._end()
