"""Examines sound on this machine: it starts a sound process for a moment, as for a performance, and asks for its health."""

from __future__ import annotations

import os
import select
import subprocess
import time
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from companion.sound.players.player import Health
from companion.sound.process import parse_health, process_command
from companion.sound.settings import SoundChoice
from companion.sound.wire import SoundSender, sound_pair

BEST = SoundChoice("on")
PATIENCE_SECONDS = 6.0
LISTEN_SECONDS = 1.5  # how long underruns are counted


def examine_sound(choice: SoundChoice = BEST) -> dict[str, Any]:
    """Return the fields of `Health` after `LISTEN_SECONDS` with a device, or why there is none. Nothing audible is played."""
    sender_end, receiver = sound_pair()
    process = subprocess.Popen(
        process_command(receiver.fileno(), choice),
        pass_fds=[receiver.fileno()],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    sender = SoundSender(sender_end)
    try:
        health = _last_health(process, sender)
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
        sender.close()
        receiver.close()
    return asdict(health)


def _last_health(process: subprocess.Popen[bytes], sender: SoundSender) -> Health:
    assert process.stdout is not None
    health = Health("", trouble="the audio system does not answer")
    end = time.monotonic() + PATIENCE_SECONDS
    opened = False
    buffer = b""
    while (left := end - time.monotonic()) > 0:
        ready, _, _ = select.select([process.stdout], [], [], left)
        data = os.read(process.stdout.fileno(), 65536) if ready else b""
        if ready and not data:
            break
        buffer += data
        *lines, buffer = buffer.split(b"\n")
        for line in lines:
            health = parse_health(line) or health
        if health.trouble:
            break
        if health.device and not opened:
            opened = True
            end = time.monotonic() + LISTEN_SECONDS
            with suppress(OSError):  # a very soft note that makes the synthesizer work
                sender.send(bytes((0x90, 60, 1)), time.monotonic())
    return health
