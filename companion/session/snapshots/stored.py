"""The snapshots of a session, by name, and the commands that store and recall everything that is set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from companion.errors import UsageError
from companion.session.api.bound import on_tracks
from companion.session.api.command_base import Command
from companion.session.api.effects import SnapshotsChanged
from companion.session.api.limits import MAX_SNAPSHOTS
from companion.session.api.settings import SessionSettings
from companion.session.api.snapshot_commands import LoadSettings, RecallSnapshot, RemoveSnapshot, StoreSnapshot
from companion.session.commands.undoable import FindUndoable, dial
from companion.session.extension import Extension, Handler
from companion.session.input.surface import ControlSurface
from companion.session.output.outbox import Outbox
from companion.session.snapshots.reading import without_rig
from companion.session.snapshots.recall import Recall


class Snapshots(Extension):
    """stored: by name, in the order in which they were stored first. newest: the one recalled or stored last, "" for none."""

    def __init__(
        self, stored: Mapping[str, SessionSettings], recall: Recall, surface: ControlSurface, outbox: Outbox
    ) -> None:
        self._recall, self._surface, self._outbox = recall, surface, outbox
        self.stored: dict[str, SessionSettings] = dict(stored)
        self.newest = ""

    def handlers(self) -> Mapping[type[Command], Handler]:
        """Map each command to its method."""
        return {
            StoreSnapshot: self._store,
            RecallSnapshot: self._recall_one,
            RemoveSnapshot: self._remove,
            LoadSettings: self._load,
        }

    def undoables(self) -> Mapping[type[Command], FindUndoable]:
        """What each command changes."""
        settings = self._recall.undoable()
        stored = dial("snapshots", lambda: dict(self.stored), self._write, _say)
        return {
            StoreSnapshot: lambda wish: stored,
            RemoveSnapshot: lambda wish: stored,
            RecallSnapshot: lambda wish: settings,
            LoadSettings: lambda wish: settings,
        }

    def settings(self) -> Mapping[str, Any]:
        """What is stored."""
        return {"snapshots": dict(self.stored)}

    def picture(self, now: float) -> dict[str, Any]:
        """The names, for the screen."""
        return {"stored": tuple(self.stored), "newest_stored": self.newest}

    def _store(self, wish: StoreSnapshot, now: float) -> None:
        name = wish.name.strip()
        if not name:
            raise UsageError("a snapshot needs a name or a number")
        if name not in self.stored and len(self.stored) >= MAX_SNAPSHOTS:
            raise UsageError(f"no more than {MAX_SNAPSHOTS} snapshots")
        self._write({**self.stored, name: without_rig(self._recall.present())}, now)
        self.newest = name
        self._outbox.notice(f"stored: {name}")

    def _recall_one(self, wish: RecallSnapshot, now: float) -> None:
        name = wish.name.strip()
        if name not in self.stored:
            known = ", ".join(self.stored) or "none yet"
            raise UsageError(f"there is no snapshot {name} (stored: {known})")
        self._recall.recall(self.stored[name], now)
        self.newest = name
        self._outbox.notice(f"{name}: from the next bar on" if self._recall.is_coming else f"{name}: everything is set")

    def _remove(self, wish: RemoveSnapshot, now: float) -> None:
        name = wish.name.strip()
        if name not in self.stored:
            raise UsageError(f"there is no snapshot {name}")
        self._write({known: kept for known, kept in self.stored.items() if known != name}, now)
        self._outbox.notice(f"forgotten: {name}")

    def _load(self, wish: LoadSettings, now: float) -> None:
        if wish.settings.snapshots:
            self._write(dict(wish.settings.snapshots), now)
        lanes = self._recall.recall(wish.settings, now)
        if wish.settings.learned or wish.settings.knobs:
            self._surface.use(wish.settings.learned, tuple(on_tracks(wish.settings.knobs, lanes)))
        place = "from the next bar on" if self._recall.is_coming else "everything is set"
        self._outbox.notice(f"{wish.title}: {place}")

    def _write(self, stored: Mapping[str, SessionSettings], now: float) -> None:
        self.stored = dict(stored)
        self._outbox.emit(SnapshotsChanged(dict(stored)))


def _say(stored: dict[str, Any]) -> str:
    return f"snapshots: {', '.join(stored) or 'none'}"
