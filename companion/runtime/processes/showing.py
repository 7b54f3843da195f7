"""What the realtime process shows of the session to the front, in turns in which nothing else is due."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from companion.runtime.ipc.link import Link
from companion.runtime.ipc.protocol import PresentSettings
from companion.runtime.ports.heard_ports import HeardPorts
from companion.runtime.recording.marks import mark_of
from companion.runtime.recording.records import Record
from companion.session.api.settings import SessionSettings
from companion.session.api.snapshot import Snapshot
from companion.session.session import Session

SNAPSHOT_SECONDS = 1 / 30
MARK_SECONDS = 0.1
SETTINGS_SECONDS = 0.1


class Showing:
    """Sends the snapshot about 30 times a second, and the settings when they have changed. Adds marks to the log.

    record: adds a line to the log. playing: the newest snapshot of running music, None before there was any.
    """

    def __init__(
        self, session: Session, front: Link, ports: HeardPorts, record: Callable[[Record], None], now: float
    ) -> None:
        self._session, self._front, self._ports, self._record = session, front, ports, record
        self._next_snapshot = self._next_mark = self._next_settings = now
        self._told: SessionSettings | None = None
        self.playing: Snapshot | None = None

    def show(self, now: float, quiet: bool) -> bool:
        """Show what is due; returns whether anything was. quiet: nothing else is due for a moment."""
        late = now - self._next_snapshot > 10 * SNAPSHOT_SECONDS
        if now >= self._next_snapshot and (quiet or late):
            self._next_snapshot = now + SNAPSHOT_SECONDS
            self._picture(now)
            return True
        if quiet and now >= self._next_settings:
            self._next_settings = now + SETTINGS_SECONDS
            self._tell_settings()
            return True
        return False

    def finish(self, now: float) -> Snapshot:
        """Show the last state, whatever is due. Returns it."""
        self._tell_settings()
        snapshot = self._session.snapshot(now)
        self._front.offer(snapshot)
        return snapshot

    def _picture(self, now: float) -> None:
        snapshot = self._session.snapshot(now)
        self._front.offer(snapshot)
        self._ports.show(snapshot, now)
        if snapshot.transport.state == "running" and snapshot.generation.model_dim:
            self.playing = snapshot
        if now >= self._next_mark:
            self._next_mark = now + MARK_SECONDS
            self._record(mark_of(snapshot))

    def _tell_settings(self) -> None:
        """The front has music and stored snapshots already, which are large."""
        settings = replace(self._session.settings(), song=None, snapshots={}, set_list=(), remarks=())
        if settings != self._told:
            self._told = settings
            self._front.send(PresentSettings(settings))
