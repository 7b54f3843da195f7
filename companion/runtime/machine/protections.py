"""Which of the protections that docs/reliability.md promises work on this machine."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from companion.privacy import NO_TELEMETRY
from companion.runtime.machine.keep_awake import QOS_PATH
from companion.runtime.machine.priority import can_be_realtime
from companion.runtime.recording.folder import recordings_dir

ENOUGH_BYTES = 200 << 20  # some ten hours of music


@dataclass(frozen=True, slots=True)
class Protection:
    """One protection: whether it works here, and the reason, or what is missing."""

    name: str
    works: bool
    detail: str


def protections(drivers: tuple[str, ...], environment: Mapping[str, str] = os.environ) -> list[Protection]:
    """All protections. drivers: the MIDI drivers that answer."""
    linux = sys.platform.startswith("linux")
    return [
        _chosen(
            "notes in time while the machine is busy",
            can_be_realtime(),
            "real-time priority",
            "no right to real-time priority",
        ),
        _chosen(
            "cores kept awake while music runs",
            os.access(QOS_PATH, os.W_OK),
            str(QOS_PATH),
            f"{QOS_PATH} cannot be written",
        ),
        _last_notes(drivers),
        _chosen(
            "death of the sound server noticed",
            "jack" in drivers,
            "JACK tells it",
            "only JACK tells it; other systems have no such server",
        ),
        _chosen(
            "no process left behind",
            linux,
            "the kernel ends an engine whose supervisor has died",
            "an engine whose supervisor was killed ends only when its link closes",
        ),
        _chosen(
            "suspend noticed",
            hasattr(time, "CLOCK_BOOTTIME"),
            "a clock counts the time asleep",
            "told by the time of day, which somebody may also set",
        ),
        _chosen(
            "nothing phones home",
            all(environment.get(name) == value for name, value in NO_TELEMETRY.items()),
            "telemetry of the libraries is switched off",
            "the environment was changed after the start",
        ),
        _room_for_recordings(recordings_dir()),
    ]


def _chosen(name: str, works: bool, basis: str, lack: str) -> Protection:
    return Protection(name, works, basis if works else lack)


def _last_notes(drivers: tuple[str, ...]) -> Protection:
    name = "notes ended when the realtime process is killed"
    if "jack" in drivers:
        return Protection(name, True, "at every port that ours are connected to")
    if drivers:
        return Protection(name, True, "at devices opened by name; not at programs that connect to our virtual port")
    return Protection(name, False, "no MIDI driver answers")


def _room_for_recordings(folder: Path, free_bytes: Callable[[Path], int] | None = None) -> Protection:
    """free_bytes: of the disk that a folder is on."""
    there = folder
    while not there.exists() and there != there.parent:
        there = there.parent
    free = (free_bytes or (lambda path: shutil.disk_usage(path).free))(there)
    name = "performances recorded"
    if not os.access(there, os.W_OK):
        return Protection(name, False, f"{there} cannot be written")
    return _chosen(name, free > ENOUGH_BYTES, str(folder), f"only {free >> 20} MB are free at {there}")
