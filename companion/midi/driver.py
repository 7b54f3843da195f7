"""Real ports through python-rtmidi: ALSA and JACK on Linux, CoreMIDI on macOS.

Inputs are polled and have no callbacks, because a callback would need the interpreter lock inside the driver's thread. Each of our
ports keeps its driver client. When a device comes back, only the connection is made again. That takes a few
milliseconds, whereas a new client takes forty.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from companion.errors import PortError
from companion.midi.codec import Decoder
from companion.midi.messages import Message
from companion.midi.ports import CLIENT_NAME, MAX_MESSAGES_A_POLL, NAME_ENCODING, ArrivalClock, distinct_names

QUEUE_SIZE = 32_768  # how many messages the driver holds while nobody polls
ALSA_SEQUENCER = Path("/dev/snd/seq")
PortId = tuple[str, str]  # (driver, port name)


def import_rtmidi() -> ModuleType:
    """python-rtmidi, or a PortError that says what to install."""
    os.environ.setdefault("JACK_NO_START_SERVER", "1")  # looking for ports must not start a sound server
    try:
        import rtmidi
    except ImportError as error:
        if "libasound" in str(error):
            raise PortError("MIDI ports need the ALSA library: apt install libasound2 (then try again)") from None
        raise PortError(f"MIDI ports need python-rtmidi: pip install python-rtmidi ({error})") from None
    return rtmidi


def drivers() -> dict[str, int]:
    """The drivers to try on this machine, by name, in order of preference."""
    rtmidi = import_rtmidi()
    names = {
        rtmidi.API_LINUX_ALSA: "alsa",
        rtmidi.API_MACOSX_CORE: "coremidi",
        rtmidi.API_WINDOWS_MM: "windows",
        rtmidi.API_UNIX_JACK: "jack",
    }
    found = {names[api]: api for api in rtmidi.get_compiled_api() if api in names}
    if not ALSA_SEQUENCER.exists():
        found.pop("alsa", None)
    return found


def can_make_virtual_ports() -> bool:
    """Whether this system lets a program offer ports of its own (Windows does not)."""
    return sys.platform != "win32"


class DriverInput:
    """One input of ours. `connect` it to a port, or `offer` it to others as a virtual port."""

    def __init__(self, driver: str, label: str = "in", client_name: str = "") -> None:
        self.driver, self.label, self.name, self.offered = driver, label, "", False
        self._client_name = client_name or f"{CLIENT_NAME} {label}"
        self._client = _client("MidiIn", driver, self._client_name, queue_size_limit=QUEUE_SIZE)
        self._client.ignore_types(sysex=False, timing=False, active_sense=False)
        self._start_afresh()

    def _start_afresh(self) -> None:
        self._decoder, self._arrivals = Decoder(), ArrivalClock()

    def connect(self, name: str, names: Sequence[str]) -> None:
        """Listen to the port `name`, one of `names` as listed just now. Raises PortError."""
        self._start_afresh()
        _connect(self._client, name, names, self.label)
        self.name, self.offered = name, False

    def offer(self) -> None:
        """Be a port that others connect to."""
        self._start_afresh()
        _offer(self._client, self.label)
        self.name, self.offered = f"{self._client_name}:{self.label}", True

    def poll(self, now: float) -> list[tuple[float, Message]]:
        """See `InputPort.poll`."""
        found: list[tuple[float, Message]] = []
        for _ in range(MAX_MESSAGES_A_POLL):
            event = self._client.get_message()
            if event is None:
                self._arrivals.emptied(now)
                break
            data, delta = event
            arrival = self._arrivals.arrived(delta, now)
            found.extend((arrival, message) for message in self._decoder.feed(data))
        return found

    def disconnect(self) -> None:
        """Stop listening but keep the client for the port's return."""
        self._client.close_port()

    def close(self) -> None:
        """Give the client back."""
        self._client.close_port()
        self._client.delete()


class DriverOutput:
    """One output of ours; see `DriverInput`."""

    def __init__(self, driver: str, label: str = "out", client_name: str = "") -> None:
        self.driver, self.label, self.name, self.offered = driver, label, "", False
        self._client_name = client_name or f"{CLIENT_NAME} {label}"
        self._client = _client("MidiOut", driver, self._client_name)

    def connect(self, name: str, names: Sequence[str]) -> None:
        """Play to the port `name`, one of `names` as listed just now. Raises PortError."""
        _connect(self._client, name, names, self.label)
        self.name, self.offered = name, False

    def offer(self) -> None:
        """Be a port that others connect to."""
        _offer(self._client, self.label)
        self.name, self.offered = f"{self._client_name}:{self.label}", True

    def send(self, data: bytes) -> None:
        """See `OutputPort.send`. May hang when the JACK server has died; another process must watch for that."""
        try:
            self._client.send_message(data)
        except (OSError, ValueError, RuntimeError) as error:
            raise PortError(f"{self.name}: cannot send: {error}") from None

    def disconnect(self) -> None:
        """Stop playing there but keep the client."""
        self._client.close_port()

    def close(self) -> None:
        """Give the client back."""
        self._client.close_port()
        self._client.delete()


def _client(kind: str, driver: str, name: str, **options: Any) -> Any:
    api = drivers().get(driver)
    if api is None:
        raise PortError(f"the MIDI driver {driver!r} is not available here")
    try:
        return getattr(import_rtmidi(), kind)(api, name, **options)
    except (OSError, RuntimeError) as error:
        raise PortError(f"the MIDI driver {driver!r} cannot be used: {_one_line(error)}") from None


def _connect(client: Any, name: str, names: Sequence[str], label: str) -> None:
    client.close_port()
    try:
        current = distinct_names(client.get_ports(NAME_ENCODING))
        if name not in current:
            raise PortError(f"the MIDI port {name!r} has gone (there are: {', '.join(names) or 'none'})")
        client.open_port(current.index(name), label)
    except (OSError, RuntimeError, ValueError) as error:
        raise PortError(f"{name}: cannot be opened: {_one_line(error)}") from None


def _offer(client: Any, label: str) -> None:
    if not can_make_virtual_ports():
        raise PortError("this system has no virtual MIDI ports; name a port with --in and --out (see: companion ports)")
    client.close_port()
    try:
        client.open_virtual_port(label)
    except (OSError, RuntimeError, NotImplementedError) as error:
        raise PortError(f"no virtual port can be made: {_one_line(error)}") from None


def _one_line(error: BaseException) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
