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
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from companion.errors import PortError
from companion.midi.patchbay import Patchbay
from companion.midi.ports import NAME_ENCODING, distinct_names, stable_names

LOOK_SECONDS = 0.1
DRAIN_SECONDS = 0.05  # until messages have left the driver's buffer
SERVER_GONE = "the sound server (JACK) has gone: nothing is heard until it is back"


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
