"""Serves a running performance to further screens, each at its own connection, in a thread of its own.

Nothing here waits for a screen: what a screen does not take is dropped (snapshots) or limited (notices), by `Link`. A screen that sends
what is no message, or more than a player can, is detached with one remark.
"""

from __future__ import annotations

import select
import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from companion.runtime.ipc.link import Link
from companion.runtime.ipc.protocol import (
    AskPorts,
    ChoosePort,
    Ended,
    Finishing,
    KeyPlayed,
    KnownPorts,
    Performing,
    PresentSettings,
)
from companion.runtime.remote.shared import Observer
from companion.session.api.commands import COMMANDS
from companion.session.api.effects import Notice, SnapshotsChanged
from companion.session.api.events import Command

LOOK_SECONDS = 1 / 30
IDLE_SECONDS = 0.2
PAUSE_SECONDS = 0.004  # between two looks, however much a screen sends
SNAPSHOT_SECONDS = 1 / 20
FAREWELL_SECONDS = 0.3
MAX_SCREENS = 8
MAX_FRAME_BYTES = 1 << 16
MAX_WAITING_BYTES = 1 << 20
WISHES_A_SECOND, WISHES_AT_ONCE = 100.0, 300.0  # a key held down repeats 30 times a second; a dial that is spun, faster
KEY_SECONDS = 5.0  # a key that is older, or of another clock, is not played
FROM_A_SCREEN: frozenset[type] = frozenset((*COMMANDS.values(), ChoosePort, KeyPlayed, AskPorts))


@dataclass(slots=True)
class _Screen:
    """One attached screen. allowance: how many wishes it may send now."""

    link: Link
    heard: float
    allowance: float = WISHES_AT_ONCE
    shown: float | None = None  # the time of the snapshot that was sent last
    shown_at: float = field(default=float("-inf"))


class ScreenServer:
    """Serves from `start` to `close`. listener: a socket that listens, without blocking, at `path`."""

    def __init__(self, observer: Observer, performing: Performing, listener: socket.socket, path: Path) -> None:
        self._observer, self._performing = observer, performing
        self._listener, self._path = listener, path
        self._screens: list[_Screen] = []
        self._known: dict[
            type, PresentSettings | SnapshotsChanged
        ] = {}  # what a screen that attaches later must be told
        self._ending = threading.Event()
        self._over = threading.Event()
        self._reason = ""
        self._thread = threading.Thread(target=self._run, name="screens", daemon=True)
        self.refused = 0

    @property
    def attached(self) -> int:
        """How many screens are attached."""
        return len(self._screens)

    def start(self) -> None:
        """Begin to serve."""
        self._thread.start()

    def announce_end(self) -> None:
        """Tell the screens that the performance is ending. From now on it is not asked for anything."""
        self._ending.set()

    def close(self, reason: str = "") -> None:
        """Tell the screens that it has ended, and why if that was not intended; then stop. May be called again."""
        self._reason = reason
        self._ending.set()
        self._over.set()
        if self._thread.is_alive():
            self._thread.join(4 * FAREWELL_SECONDS)
        self._listener.close()
        with suppress(OSError):
            self._path.unlink()
        self._observer.close()

    # --- the thread ------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._ending.is_set():
            self._wait()
            self._look(time.monotonic())
        for screen in self._screens:
            screen.link.send(Finishing())
        self._over.wait()
        self._say_farewell()

    def _wait(self) -> None:
        ends = [self._listener, *(screen.link for screen in self._screens if not screen.link.closed)]
        with suppress(OSError, ValueError):  # an end was closed meanwhile
            select.select(ends, [], [], LOOK_SECONDS if self._screens else IDLE_SECONDS)
        time.sleep(PAUSE_SECONDS)

    def _look(self, now: float) -> None:
        self._accept(now)
        for screen in self._screens:  # what a screen sent before it left still counts
            self._hear(screen, now)
        self._screens = [screen for screen in self._screens if not screen.link.closed]
        events = self._observer.events()
        self._known |= {type(event): event for event in events if isinstance(event, PresentSettings | SnapshotsChanged)}
        if not self._screens:
            return
        snapshot = self._observer.snapshot()
        for screen in self._screens:
            for event in events:
                screen.link.send(event)
            due = now - screen.shown_at >= SNAPSHOT_SECONDS
            if snapshot is not None and due and snapshot.now_seconds != screen.shown:
                screen.shown, screen.shown_at = snapshot.now_seconds, now
                screen.link.offer(snapshot)
            screen.link.flush()

    def _accept(self, now: float) -> None:
        while True:
            try:
                end, _ = self._listener.accept()
            except OSError:
                return
            screen = _Screen(Link(end, MAX_WAITING_BYTES, FROM_A_SCREEN, MAX_FRAME_BYTES), now)
            self._hear(screen, now)
            if screen.link.closed:
                continue  # it only looked whether somebody listens
            if len(self._screens) >= MAX_SCREENS:
                screen.link.send(Ended(f"there are {MAX_SCREENS} screens already, and no more can attach"))
                screen.link.close()
                continue
            for message in (self._performing, *self._known.values()):
                screen.link.send(message)
            self._screens.append(screen)

    def _hear(self, screen: _Screen, now: float) -> None:
        passed, screen.heard = now - screen.heard, now
        screen.allowance = min(screen.allowance + passed * WISHES_A_SECOND, WISHES_AT_ONCE)
        for wish in screen.link.receive():
            screen.allowance -= 1
            if screen.allowance < 0:
                self._detach(screen, "more than a player can")
                return
            self._obey(screen, wish)
        if screen.link.refused or screen.link.overlong:
            self._detach(screen, "what no screen sends")

    def _obey(self, screen: _Screen, wish: object) -> None:
        if isinstance(wish, Command):
            self._observer.send(wish)
        elif isinstance(wish, ChoosePort):
            self._observer.choose_port(wish.direction, wish.name)
        elif isinstance(wish, AskPorts):
            ports = self._observer.list_ports()
            screen.link.send(KnownPorts(ports.inputs, ports.outputs, ports.error))
        elif isinstance(wish, KeyPlayed) and is_key(wish, time.monotonic()):
            self._observer.play_key(wish.data, wish.struck_at)

    def _detach(self, screen: _Screen, sent: str) -> None:
        screen.link.close()
        self.refused += 1
        if self.refused == 1:
            self._observer.tell(Notice("warning", f"an attached screen sent {sent}, and was detached"))

    def _say_farewell(self) -> None:
        for screen in self._screens:
            screen.link.send(Ended(self._reason))
        end = time.monotonic() + FAREWELL_SECONDS
        while time.monotonic() < end and any(screen.link.pending_bytes for screen in self._screens):
            for screen in self._screens:
                screen.link.flush()
            time.sleep(PAUSE_SECONDS)
        for screen in self._screens:
            screen.link.close()
        self._screens = []


def is_key(key: KeyPlayed, now: float) -> bool:
    """Whether this is one channel message as the typing keyboard sends them, struck within the last seconds."""
    data = key.data
    is_message = len(data) == 3 and 0x80 <= data[0] < 0xC0 and data[1] < 0x80 and data[2] < 0x80
    return is_message and abs(now - key.struck_at) < KEY_SECONDS
