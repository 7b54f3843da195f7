"""Lists and connects ports in its own process: `python -m companion.midi.probe [--watch SECONDS]`.

Drivers never report that a port has vanished, and a query can hang when a sound server dies. No process that must stay
alive therefore asks them directly. This process prints one JSON object a line:
{"ports": {driver: {"in": [names], "out": [names]}}, "error": text}.

With --watch it repeats for ever, one line per period whether or not anything changed: a reader that gets nothing knows that it hangs.
It then also connects ports (see `patchbay`). Each line that it reads is {"source": port, "sink": port, "connected": bool}. Where
connecting is possible, its own lines have "wires", the connections of our ports. After a line {"silence": {port: [[channel, key]…]}}
it sends note-offs to the ports to which that port of ours was connected, and answers {"silenced": messages}. It ends when its input
ends, or when the sound server has gone, which it reports. With --silence it reads such an object once, from {port: keys} of the
ports to be silenced.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from companion.errors import PortError
from companion.midi.patchbay import Patchbay, Wires
from companion.midi.ports import NAME_ENCODING, distinct_names, stable_names

PROBE_TIMEOUT_SECONDS = 5.0
LOOK_SECONDS = 0.1
DRAIN_SECONDS = 0.05  # until messages have left the driver's buffer
SERVER_GONE = "the sound server (JACK) has gone: nothing is heard until it is back"


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
    command = [sys.executable, "-m", "companion.midi.probe"]
    return command if watch_seconds is None else [*command, "--watch", str(watch_seconds)]


def list_ports(timeout_seconds: float = PROBE_TIMEOUT_SECONDS) -> Ports:
    """Ask once, in a process that may be abandoned. Raises PortError if it does not answer."""
    try:
        done = subprocess.run(
            probe_command(), capture_output=True, timeout=timeout_seconds, stdin=subprocess.DEVNULL, check=False
        )
        return parse_line(done.stdout)
    except subprocess.TimeoutExpired:
        raise PortError("the MIDI driver does not answer (is the JACK server hung or gone?)") from None
    except ValueError:
        raise PortError("the port probe ended without an answer") from None


@dataclass(slots=True)
class _Asker:
    """One client of each kind for each driver, made when the driver can be reached and dropped when it fails."""

    clients: dict[str, tuple[Any, Any]] = field(default_factory=dict)

    def ask(self) -> dict[str, Any]:
        from companion.midi.driver import drivers, import_rtmidi

        try:
            rtmidi, apis = import_rtmidi(), drivers()
        except PortError as error:
            return {"ports": {}, "error": str(error)}
        ports = {}
        for driver, api in apis.items():
            try:
                if driver not in self.clients:
                    self.clients[driver] = (rtmidi.MidiIn(api, "RtMidi probe"), rtmidi.MidiOut(api, "RtMidi probe"))
                source, sink = self.clients[driver]
                ports[driver] = {
                    "in": distinct_names(source.get_ports(NAME_ENCODING)),
                    "out": distinct_names(sink.get_ports(NAME_ENCODING)),
                }
            except (OSError, RuntimeError):
                self.clients.pop(driver, None)
        error = "" if ports else f"no MIDI driver can be reached here (tried: {', '.join(apis) or 'none'})"
        return {"ports": ports, "error": error}

    def send(self, target: str, messages: Sequence[bytes]) -> int:
        """Send to a port, by a port made for it; how many messages."""
        sent = 0
        for _, sink in self.clients.values():
            try:
                names = distinct_names(sink.get_ports(NAME_ENCODING))
                if target not in names:
                    names = stable_names(names)
                if target not in names:
                    continue
                sink.open_port(names.index(target), "note-offs")
                for message in messages:
                    sink.send_message(message)
                    sent += 1
                time.sleep(DRAIN_SECONDS)
                sink.close_port()
            except (OSError, RuntimeError):
                continue
        return sent


class Watch:
    """Lists ports again and again, and connects those it is told to."""

    def __init__(self, period: float) -> None:
        self._period = period
        self._asker = _Asker()
        self._patchbay: Patchbay | None = None
        self._unread = b""

    def run(self) -> None:
        """Run until nobody listens any more."""
        while True:
            self._say()
            until = time.monotonic() + self._period
            while (left := until - time.monotonic()) > 0:
                ready, _, _ = select.select([0], [], [], min(left, LOOK_SECONDS))
                if ready and self._obey():
                    break  # something was connected: report it at once
                self._watch_server()

    def _say(self) -> None:
        answer = self._asker.ask()
        if "jack" not in answer["ports"]:
            self._patchbay = None
        elif self._patchbay is None:
            self._patchbay = Patchbay.open()
        if self._patchbay is not None:
            answer["wires"] = self._patchbay.wires()
        print(json.dumps(answer), flush=True)

    def _watch_server(self) -> None:
        if self._patchbay is None:
            return
        if self._patchbay.server_gone:
            print(json.dumps({"ports": {}, "error": SERVER_GONE, "gone": ["jack"]}), flush=True)
            os._exit(0)  # clients of a dead server are useless; the next probe makes new ones
        self._patchbay.sinks()

    def _obey(self) -> bool:
        """Carry out the lines that have been read. Returns whether anything changed. Ends the process at the end of the input."""
        data = os.read(0, 65536)
        if not data:
            os._exit(0)
        *lines, self._unread = (self._unread + data).split(b"\n")
        done = False
        for line in lines:
            wish = json.loads(line)
            if "silence" in wish:
                print(json.dumps({"silenced": self._silence(wish["silence"])}), flush=True)
            elif self._patchbay is not None:
                done |= self._patchbay.set(wish["source"], wish["sink"], wish["connected"])
        return done

    def _silence(self, sounding: Mapping[str, list[tuple[int, int]]]) -> int:
        """Send note-offs to the ports to which each of our ports was connected, as known from JACK. Returns their number."""
        sinks = self._patchbay.sinks() if self._patchbay is not None else {}
        sent = 0
        for name, keys in sounding.items():
            for target in sinks.get(name, (name,)):
                sent += self._asker.send(target, note_offs(keys))
        return sent


def silence(sounding: Mapping[str, list[tuple[int, int]]]) -> int:
    """Send note-offs directly to these ports through new clients. Returns the number of messages."""
    asker = _Asker()
    asker.ask()
    return sum(asker.send(target, note_offs(keys)) for target, keys in sounding.items())


def note_offs(keys: Sequence[tuple[int, int]]) -> list[bytes]:
    """The messages that end notes for certain: their note-offs, then pedal up and all notes off on their channels."""
    channels = sorted({channel for channel, _ in keys})
    ends = [bytes((0x80 | channel, key, 0)) for channel, key in keys]
    return ends + [bytes((0xB0 | channel, controller, 0)) for channel in channels for controller in (64, 123)]


def main(arguments: list[str]) -> None:
    """The process itself. It ignores requests to end, because it may have notes to end. It ends with its input."""
    if arguments[:1] == ["--watch"]:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        if arguments[:1] == ["--watch"]:
            Watch(float(arguments[1])).run()
        if arguments[:1] == ["--silence"]:
            print(json.dumps({"silenced": silence(json.load(sys.stdin))}), flush=True)
            os._exit(0)
        print(json.dumps(_Asker().ask()), flush=True)
    except BrokenPipeError:
        pass
    os._exit(0)  # a driver's own threads must not keep a probe from ending


if __name__ == "__main__":
    main(sys.argv[1:])
