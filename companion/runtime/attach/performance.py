"""A running performance seen from an attached screen. `stop` detaches; the music goes on."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, get_args

from companion.errors import CompanionError
from companion.runtime.attach.sockets import connect
from companion.runtime.front.performance import HasHappened, LaunchOptions, PortList
from companion.runtime.ipc.link import Link
from companion.runtime.ipc.protocol import AskPorts, ChoosePort, Ended, Finishing, KeyPlayed, KnownPorts, Performing
from companion.session.api.effects import Notice
from companion.session.api.events import Command
from companion.session.api.snapshot import Snapshot

WELCOME_SECONDS = 3.0
FLUSH_SECONDS = 0.2
LOOK_SECONDS = 0.005
FROM_A_PERFORMANCE: frozenset[type] = frozenset(
    (Performing, Snapshot, *get_args(HasHappened), KnownPorts, Finishing, Ended)
)


def attach(path: Path) -> AttachedPerformance:
    """Attach to the performance that listens at this path. Raises CompanionError."""
    try:
        link = Link(connect(path), accepts=FROM_A_PERFORMANCE)
    except OSError as error:
        raise CompanionError(f"performance {path.stem} cannot be reached: {error.strerror or error}") from None
    end = time.monotonic() + WELCOME_SECONDS
    while time.monotonic() < end and not link.closed:
        heard = link.receive()
        for place, value in enumerate(heard):
            if isinstance(value, Performing):
                return AttachedPerformance(link, value, heard[place + 1 :])
            if isinstance(value, Ended):
                link.close()
                raise CompanionError(f"performance {path.stem}: {value.reason or 'it has ended'}")
        time.sleep(LOOK_SECONDS)
    link.close()
    raise CompanionError(f"performance {path.stem} does not answer")


class AttachedPerformance:
    """See `companion.runtime.front.performance.Performance`. heard: what has come already, behind the first message."""

    def __init__(self, link: Link, performing: Performing, heard: Iterable[object] = ()) -> None:
        self._link, self.performing = link, performing
        self._options = LaunchOptions(performing.settings, title=performing.title, keep_recording=False)
        self._snapshot: Snapshot | None = None
        self._events: list[HasHappened] = []
        self._ports = PortList()
        self._ended: str | None = None
        self.left = False  # whether this screen detached before the performance ended
        self._take(heard)

    @property
    def options(self) -> LaunchOptions:
        """See `Performance`."""
        return self._options

    @property
    def recording(self) -> Path | None:
        """The recording is the performance's own affair."""
        return None

    @property
    def summary(self) -> Mapping[str, Any]:
        """See `Performance`."""
        return {}

    @property
    def ended(self) -> str | None:
        """See `Performance`. A performance that broke off without a word has ended too."""
        self._hear()
        return "" if self._ended is None and self._link.closed else self._ended

    def send(self, command: Command) -> None:
        """See `Performance`."""
        self._link.send(command)

    def play_key(self, data: bytes, struck_at: float) -> None:
        """See `Performance`."""
        self._link.send(KeyPlayed(data, struck_at))

    def choose_port(self, direction: str, name: str) -> None:
        """See `Performance`."""
        self._link.send(ChoosePort(direction, name))

    def list_ports(self) -> PortList:
        """See `Performance`. The ports as they were when they were last asked for; asks again."""
        self._link.send(AskPorts())
        self._hear()
        return self._ports

    def snapshot(self) -> Snapshot | None:
        """See `Performance`."""
        self._hear()
        return self._snapshot

    def events(self) -> list[HasHappened]:
        """See `Performance`."""
        self._hear()
        events, self._events = self._events, []
        return events

    def alive(self) -> bool:
        """See `Performance`."""
        self._hear()
        return not self._link.closed and self._ended is None

    def stop(self) -> None:
        """Detach. Commands that were sent are delivered first, where the other end takes them at once."""
        self.left = self.left or self.alive()
        end = time.monotonic() + FLUSH_SECONDS
        while self._link.pending_bytes and not self._link.closed and time.monotonic() < end:
            self._link.flush()
            time.sleep(LOOK_SECONDS)
        self._link.close()

    def _hear(self) -> None:
        self._link.flush()
        self._take(self._link.receive())

    def _take(self, values: Iterable[object]) -> None:
        for value in values:
            if isinstance(value, Snapshot):
                self._snapshot = value
            elif isinstance(value, HasHappened):
                self._events.append(value)
            elif isinstance(value, KnownPorts):
                self._ports = PortList(value.inputs, value.outputs, value.error)
            elif isinstance(value, Finishing):
                self._events.append(Notice("info", "the performance is ending"))
            elif isinstance(value, Ended):
                self._ended = value.reason
                if value.reason:
                    self._events.append(Notice("error", value.reason))
