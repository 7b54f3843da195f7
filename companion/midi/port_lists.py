"""Lists of MIDI ports, as the probe process (`probe`) reports them, and how to ask it. Asks no driver and loads none."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from companion.errors import PortError

PROBE = "companion.midi.probe"
PROBE_TIMEOUT_SECONDS = 5.0
Wires = tuple[tuple[str, str], ...]  # (source, sink) pairs


@dataclass(frozen=True, slots=True)
class Ports:
    """What exists, by driver in order of preference: (driver, names) pairs; error: why there may be nothing.

    wires: the connections of our ports on JACK, by name; None where nobody connects ports for us. gone: drivers whose server has
    died since the last list. answered: False where the driver did not answer at all, so that nothing is known.
    """

    inputs: tuple[tuple[str, tuple[str, ...]], ...] = ()
    outputs: tuple[tuple[str, tuple[str, ...]], ...] = ()
    error: str = ""
    wires: Wires | None = None
    gone: tuple[str, ...] = ()
    answered: bool = True

    def names(self, direction: str) -> tuple[str, ...]:
        """All port names of direction "in" or "out"."""
        return tuple(name for _, names in (self.inputs if direction == "in" else self.outputs) for name in names)

    def driver_of(self, direction: str, name: str) -> str | None:
        """The driver that has this very port."""
        pairs = self.inputs if direction == "in" else self.outputs
        return next((driver for driver, names in pairs if name in names), None)

    def wired_from_outside(self, driver: str) -> bool:
        """Whether ports of this driver are connected by name, by the process that listed them."""
        return driver == "jack" and self.wires is not None

    @property
    def drivers(self) -> tuple[str, ...]:
        """The drivers that answered."""
        return tuple(driver for driver, _ in self.inputs)


def parse_line(line: str | bytes) -> Ports:
    """One line of the probe; raises ValueError for anything else."""
    document = json.loads(line)
    if not isinstance(document, Mapping) or not isinstance(document.get("ports"), Mapping):
        raise ValueError("not a port list")
    ports, wires = document["ports"], document.get("wires")
    return Ports(
        tuple((driver, tuple(names["in"])) for driver, names in ports.items()),
        tuple((driver, tuple(names["out"])) for driver, names in ports.items()),
        str(document.get("error", "")),
        None if wires is None else tuple((str(source), str(sink)) for source, sink in wires),
        tuple(map(str, document.get("gone", ()))),
    )


def silence_ports(sounding: Mapping[str, Sequence[tuple[int, int]]], timeout_seconds: float) -> bool:
    """End notes (channel, key) at ports by their names, in a process of its own; whether it did so in time."""
    import subprocess  # the realtime process knows lists of ports, too, and starts nothing

    command = [*probe_command(), "--silence"]
    try:
        subprocess.run(
            command, input=json.dumps(sounding).encode(), capture_output=True, timeout=timeout_seconds, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return True


def probe_command(watch_seconds: float | None = None) -> list[str]:
    """The command line of the probe process."""
    command = [sys.executable, "-m", PROBE]
    return command if watch_seconds is None else [*command, "--watch", str(watch_seconds)]


def list_ports(timeout_seconds: float = PROBE_TIMEOUT_SECONDS) -> Ports:
    """Ask once, in a process that may be abandoned. Raises PortError if it does not answer."""
    import subprocess

    try:
        done = subprocess.run(
            probe_command(), capture_output=True, timeout=timeout_seconds, stdin=subprocess.DEVNULL, check=False
        )
        return parse_line(done.stdout)
    except subprocess.TimeoutExpired:
        raise PortError("the MIDI driver does not answer (is the JACK server hung or gone?)") from None
    except ValueError:
        raise PortError("the port probe ended without an answer") from None
