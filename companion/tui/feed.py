"""The thread between the screen and the performance. It polls snapshots, sends commands, and notices when the performance does not answer.

The screen never calls a performance directly. A performance that blocks, stalls or dies therefore cannot freeze the screen.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from companion.errors import CompanionError
from companion.session.api.effects import Notice
from companion.session.api.events import Command
from companion.session.api.snapshot import Snapshot

if TYPE_CHECKING:
    from companion.runtime.front.performance import HasHappened, Performance, PortList

POLL_SECONDS = 1 / 20
STALE_SECONDS = 1.5
STOP_SECONDS = 10.0


class Feed:
    """Runs one performance for the screen: `start`, then `newest`, `happened`, `send`, `health` at any time, then `stop`."""

    def __init__(self, launcher: Callable[[], Performance], clock: Callable[[], float] = time.monotonic) -> None:
        self._launcher, self._clock = launcher, clock
        self._wishes: SimpleQueue[Callable[[Performance], object]] = SimpleQueue()
        self._happened: SimpleQueue[HasHappened] = SimpleQueue()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="feed", daemon=True)
        self._last_sign = clock()
        self.newest: Snapshot | None = None
        self.ports: PortList | None = None
        self.launched = False
        self._performance: Performance | None = None
        self.ended = False
        self.error: Exception | None = None
        self.recording: str = ""
        self.reason = ""

    def start(self) -> None:
        """Launch the performance, in the background."""
        self._thread.start()

    def send(self, command: Command) -> None:
        """Queue a command. Returns at once, whatever the performance does."""
        self._wishes.put(lambda performance: performance.send(command))

    def play_key(self, data: bytes, struck_at: float) -> None:
        """Send a key straight to the performance, before the queued commands. Never blocks."""
        if self._performance is not None:
            self._performance.play_key(data, struck_at)

    def choose_port(self, direction: str, name: str) -> None:
        """Queue the change of a port."""
        self._wishes.put(lambda performance: performance.choose_port(direction, name))

    def look_for_ports(self) -> None:
        """Ask for the list of ports; it appears in `ports`."""
        self._wishes.put(self._take_ports)

    def happened(self) -> list[HasHappened]:
        """Notices, learned controls and finished passes since the last call."""
        return list(_drain(self._happened))

    def health(self) -> str:
        """What is wrong, in one line, or ""."""
        if self.error is not None:
            return f"the performance has ended: {one_line(self.error)} — press q"
        if self.ended:
            return f"the performance has ended{': ' if self.reason else ''}{self.reason} — press q"
        if not self.launched:
            return "starting, loading checkpoint…"
        silence = self._clock() - self._last_sign
        if silence > STALE_SECONDS:
            waiting = "loading checkpoint…" if self.newest is None else "no answer from the performance"
            return f"{waiting} for {silence:.0f} s"
        return ""

    def stop(self) -> None:
        """End the performance. Waits a few seconds at most, in case it hangs."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(STOP_SECONDS)

    def _run(self) -> None:
        try:
            performance = self._launcher()
        except Exception as error:  # a launch may fail in any library; the screen shows one line
            self.error = error
            return
        self._performance = performance
        self.launched, self._last_sign = True, self._clock()
        try:
            self._follow(performance)
        except Exception as error:
            self.error = error
        finally:
            self._end(performance)

    def _follow(self, performance: Performance) -> None:
        while not self._stopping.wait(POLL_SECONDS):
            for wish in _drain(self._wishes):
                wish(performance)
            picture = performance.snapshot()
            if picture is not None and (self.newest is None or picture.now_seconds != self.newest.now_seconds):
                self.newest, self._last_sign = picture, self._clock()
            self.reason = ""
            self._take_events(performance)
            if not performance.alive():
                self.ended = True
                return

    def _end(self, performance: Performance) -> None:
        try:
            performance.stop()
            self._take_events(performance)  # the last events may give the reason
            self.recording = str(performance.recording or "")
        except Exception as error:
            self.error = self.error or error

    def _take_events(self, performance: Performance) -> None:
        for event in performance.events():
            self._happened.put(event)
            if isinstance(event, Notice) and event.level == "error":
                self.reason = event.text

    def _take_ports(self, performance: Performance) -> None:
        self.ports = performance.list_ports()


def one_line(error: BaseException) -> str:
    """An error as one line. The class of an error that is not ours is named."""
    text = " ".join(str(error).split())
    return text if isinstance(error, CompanionError) and text else f"{type(error).__name__}: {text}"


def _drain(queue: SimpleQueue) -> Iterable:
    while True:
        try:
            yield queue.get_nowait()
        except Empty:
            return
