"""One performance for several observers: the screen that started it, OSC clients, attached screens.

`runtime.front.performance.Performance` allows one thread at a time and hands out each event once. `SharedPerformance` serves
its observers in turn and gives each of them every event. It adds no thread of its own.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from companion.runtime.front.performance import HasHappened, LaunchOptions, Performance, PortList
from companion.session.api.effects import Notice
from companion.session.api.events import Command
from companion.session.api.snapshot import Snapshot

# An observer that has stopped reading loses its oldest events instead of filling the memory.
MAX_WAITING_EVENTS = 1000


class SharedPerformance:
    """See the module. Itself a Performance: the observer that started it uses it as before. Safe from any thread."""

    def __init__(self, performance: Performance) -> None:
        self._performance = performance
        self._lock = threading.Lock()
        self._observers: list[Observer] = []
        self._own = self.observe()

    def observe(self) -> Observer:
        """Add an observer. It gets every event from now on until it is closed."""
        observer = Observer(self)
        with self._lock:
            self._observers.append(observer)
        return observer

    def forget(self, observer: Observer) -> None:
        """Give this observer no more events."""
        with self._lock:
            if observer in self._observers:
                self._observers.remove(observer)

    def tell(self, notice: Notice) -> None:
        """Show a line on every screen, as if the performance had said it."""
        with self._lock:
            self._spread([notice])

    def collect(self, waiting: deque[HasHappened]) -> list[HasHappened]:
        """Fetch what has happened for all observers, and empty one observer's share."""
        with self._lock:
            self._spread(self._performance.events())
            taken = list(waiting)
            waiting.clear()
            return taken

    def _spread(self, events: list[HasHappened]) -> None:
        for observer in self._observers:
            observer.waiting.extend(events)

    # -- Performance --------------------------------------------------------------------------------------------------

    @property
    def options(self) -> LaunchOptions:
        """What was asked for."""
        return self._performance.options

    def send(self, command: Command) -> None:
        """Pass a command on."""
        with self._lock:
            self._performance.send(command)

    def snapshot(self) -> Snapshot | None:
        """The newest picture."""
        with self._lock:
            return self._performance.snapshot()

    def events(self) -> list[HasHappened]:
        """What happened since the last call, for the observer that started the performance."""
        return self._own.events()

    def play_key(self, data: bytes, struck_at: float) -> None:
        """A key of the typing keyboard. It never waits, so it needs no lock."""
        self._performance.play_key(data, struck_at)

    def choose_port(self, direction: str, name: str) -> None:
        """Play on another port."""
        with self._lock:
            self._performance.choose_port(direction, name)

    def list_ports(self) -> PortList:
        """The ports that exist."""
        with self._lock:
            return self._performance.list_ports()

    def alive(self) -> bool:
        """Whether the performance goes on."""
        with self._lock:
            return self._performance.alive()

    def stop(self) -> None:
        """End the performance."""
        with self._lock:
            self._performance.stop()

    @property
    def summary(self) -> Mapping[str, Any]:
        """The numbers of the whole performance once it has ended."""
        return self._performance.summary

    @property
    def recording(self) -> Path | None:
        """The folder of the recording."""
        return self._performance.recording

    @property
    def ended(self) -> str | None:
        """Why the performance ended by itself; None or "" where it did not."""
        return self._performance.ended


class Observer:
    """One observer's view of a shared performance: its own events, everybody's pictures and commands."""

    def __init__(self, shared: SharedPerformance) -> None:
        self._shared = shared
        self.waiting: deque[HasHappened] = deque(maxlen=MAX_WAITING_EVENTS)

    def events(self) -> list[HasHappened]:
        """What happened since this observer's last call, in order."""
        return self._shared.collect(self.waiting)

    def snapshot(self) -> Snapshot | None:
        """The newest picture."""
        return self._shared.snapshot()

    def send(self, command: Command) -> None:
        """Pass a command on."""
        self._shared.send(command)

    def play_key(self, data: bytes, struck_at: float) -> None:
        """A key of a typing keyboard."""
        self._shared.play_key(data, struck_at)

    def choose_port(self, direction: str, name: str) -> None:
        """Play on another port."""
        self._shared.choose_port(direction, name)

    def list_ports(self) -> PortList:
        """The ports that exist."""
        return self._shared.list_ports()

    def alive(self) -> bool:
        """Whether the performance goes on."""
        return self._shared.alive()

    def tell(self, notice: Notice) -> None:
        """Show a line on every screen."""
        self._shared.tell(notice)

    def close(self) -> None:
        """Stop observing."""
        self._shared.forget(self)
