"""Connects other programs' ports and ours from outside, as JACK's `jack_connect` does, in whichever process it runs.

Opening a port through python-rtmidi holds the interpreter lock for tens of milliseconds, or hundreds on a busy machine, and nothing is
sent meanwhile. On JACK, our ports are therefore made once before any music, and another process connects and disconnects them
without delaying the music. The library is the one that python-rtmidi itself has loaded. Knows names of
ports; nothing of which are wanted.
"""

from __future__ import annotations

import ctypes
import threading
from contextlib import suppress
from pathlib import Path

from companion.midi.port_lists import Wires
from companion.midi.ports import CLIENT_NAME

_NO_START_SERVER = 1
_IS_INPUT, _IS_OUTPUT = 1, 2
_ALREADY = 17  # EEXIST
_SHUTDOWN = ctypes.CFUNCTYPE(None, ctypes.c_void_p)  # called in a thread of the library


def loaded_jack() -> ctypes.CDLL | None:
    """The JACK library that is loaded into this process; None if there is none or if that is unknown."""
    with suppress(OSError):
        for line in Path("/proc/self/maps").read_text(encoding="utf-8", errors="replace").splitlines():
            path = line.partition("/")[2]
            if "libjack" in path.rpartition("/")[2]:
                return _declared(ctypes.CDLL("/" + path))
    return None


def _declared(library: ctypes.CDLL) -> ctypes.CDLL:
    pointer, text = ctypes.c_void_p, ctypes.c_char_p
    names = ctypes.POINTER(ctypes.c_char_p)
    for function, result, arguments in (
        ("jack_client_open", pointer, [text, ctypes.c_int, pointer]),
        ("jack_client_close", ctypes.c_int, [pointer]),
        ("jack_connect", ctypes.c_int, [pointer, text, text]),
        ("jack_disconnect", ctypes.c_int, [pointer, text, text]),
        ("jack_get_ports", names, [pointer, text, text, ctypes.c_ulong]),
        ("jack_port_by_name", pointer, [pointer, text]),
        ("jack_port_get_all_connections", names, [pointer, pointer]),
        ("jack_free", None, [pointer]),
        ("jack_on_shutdown", None, [pointer, _SHUTDOWN, pointer]),
    ):
        entry = getattr(library, function)
        entry.restype, entry.argtypes = result, arguments
    return library


class Patchbay:
    """A JACK client that only connects ports. All calls may block for as long as the server does."""

    def __init__(self, library: ctypes.CDLL, client: int) -> None:
        self._jack, self._client = library, client
        self._gone = threading.Event()
        self._on_shutdown = _SHUTDOWN(lambda _: self._gone.set())  # kept, as the library keeps only its address
        library.jack_on_shutdown(client, self._on_shutdown, None)
        self._sinks: dict[str, tuple[str, ...]] = {}

    @classmethod
    def open(cls) -> Patchbay | None:
        """A patchbay on the running server; None where there is no JACK library or server."""
        library = loaded_jack()
        if library is None:
            return None
        client = library.jack_client_open(f"{CLIENT_NAME} patchbay".encode(), _NO_START_SERVER, None)
        return cls(library, client) if client else None

    @property
    def server_gone(self) -> bool:
        """Whether the server has died or removed this client. No other call makes sense then."""
        return self._gone.is_set()

    def sinks(self) -> dict[str, tuple[str, ...]]:
        """The ports to which each of our outputs is connected. An output that no longer exists keeps its last connections."""
        self._sinks |= {name: tuple(self._connected_to(name)) for name in self._ours(_IS_OUTPUT)}
        return self._sinks

    def set(self, source: str, sink: str, connected: bool) -> bool:
        """Connect or disconnect two ports. Returns whether the connection is now as wanted."""
        call = self._jack.jack_connect if connected else self._jack.jack_disconnect
        return call(self._client, source.encode(), sink.encode()) in (0, _ALREADY) or not connected

    def wires(self) -> Wires:
        """The connections of our ports."""
        into = [(other, name) for name in self._ours(_IS_INPUT) for other in self._connected_to(name)]
        out = [(name, other) for name in self._ours(_IS_OUTPUT) for other in self._connected_to(name)]
        return tuple(dict.fromkeys(into + out))

    def close(self) -> None:
        """Leave the server."""
        self._jack.jack_client_close(self._client)

    def _ours(self, flags: int) -> list[str]:
        pattern = f"^{CLIENT_NAME}".encode()
        return self._names(self._jack.jack_get_ports(self._client, pattern, b"midi", flags))

    def _connected_to(self, name: str) -> list[str]:
        port = self._jack.jack_port_by_name(self._client, name.encode())
        return self._names(self._jack.jack_port_get_all_connections(self._client, port)) if port else []

    def _names(self, found: ctypes._Pointer[ctypes.c_char_p]) -> list[str]:  # type: ignore[type-arg]
        names: list[str] = []
        while found and (name := found[len(names)]):
            names.append(name.decode(errors="replace"))
        if found:
            self._jack.jack_free(found)
        return names
