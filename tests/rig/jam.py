"""`companion jam --headless` as a process of the rig, with a preset of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from tests.rig.harness import Rig, wait_until

PATIENCE_SECONDS = 120.0  # starting, on a machine that others use as well
PRESET = """
title = "rig"
[clock]
source = "{source}"
bpm = {bpm}
{clock}
[[tracks]]
name = "you"
role = "human"
[[tracks]]
name = "bass"
role = "companion"
program = "Fingered Bass"
channel = 2
"""


@dataclass
class Jam:
    """A running jam. `end` gives its report."""

    process: subprocess.Popen[bytes]
    output: Path
    recordings: Path

    @property
    def folder(self) -> Path:
        """The recording's folder."""
        return next(self.recordings.iterdir())

    @property
    def log(self) -> Path:
        """The recording's log."""
        return self.folder / "log.jsonl"

    def others(self) -> dict[str, psutil.Process]:
        """Our other processes by the name of their module."""
        found = {}
        for process in psutil.Process(self.process.pid).children(recursive=True):
            words = process.cmdline()
            if "-m" in words:
                found[words[words.index("-m") + 1].rpartition(".")[2]] = process
        return found

    def end(self) -> dict[str, Any]:
        """Ctrl-C, and what it printed."""
        self.process.send_signal(signal.SIGINT)
        assert self.process.wait(30) == 0
        return json.loads(self.output.read_text().splitlines()[-1])


def start_jam(
    rig: Rig,
    *arguments: str,
    source: str = "external",
    bpm: float = 120,
    name: str = "jam",
    checkpoint: str = "yellow_mini",
    clock: str = "",
    more: str = "",
) -> Jam:
    """Start, and wait until the processes are there and the session has begun.

    name: of its files. checkpoint: small, unless the test is about what is written.
    clock: further lines of the preset's clock. more: further tables of the preset.
    """
    preset = rig.folder / f"{name}.toml"
    preset.write_text(PRESET.format(source=source, bpm=bpm, clock=clock) + more)
    output, recordings = rig.folder / f"{name}.json", rig.folder / f"{name}-recordings"
    command = [sys.executable, "-m", "companion", "jam", "--preset", str(preset), "--headless", "--json"]
    command += ["--checkpoint", checkpoint]
    rig.environment["XDG_STATE_HOME"] = str(rig.folder)
    rig.environment["PYTHONPATH"] = os.getcwd()
    process = rig.start(*command, "--seed", "5", "--record", str(recordings), *arguments, output=output)
    jam = Jam(process, output, recordings)

    def begun() -> bool:
        assert process.poll() is None, output.read_text()
        logs = list(recordings.glob("*/log.jsonl"))
        return bool(logs) and "is ready" in logs[0].read_text()

    wait_until(begun, PATIENCE_SECONDS, "the engine")
    return jam


def wait_gone(processes: list[psutil.Process], seconds: float = 20.0) -> None:
    """Until all have ended (zombies of a parent that never asks count as ended)."""

    def running(process: psutil.Process) -> bool:
        try:
            return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False

    wait_until(lambda: not any(running(process) for process in processes), seconds, "processes to end")
