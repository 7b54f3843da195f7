"""A set list within a session: its entries in order, and the commands that go from one to another.

An entry is a song or progression with everything that is set for it. All entries are read when the session begins, and the next one's
checkpoint is loaded ahead, so that it starts at once: on the next bar line while music plays, at the next start while it rests.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from companion.errors import UsageError
from companion.session.api.command_base import Command
from companion.session.api.effects import PrepareModel
from companion.session.api.settings import SetEntry
from companion.session.api.snapshot import SetListView
from companion.session.api.snapshot_commands import ChooseEntry, NextEntry, PreviousEntry
from companion.session.chords.written import PROGRESSIONS_KEPT, read_progression
from companion.session.extension import Context, Extension, Handler
from companion.session.output.outbox import Outbox
from companion.session.snapshots.recall import Recall


class SetList(Extension):
    """first: the entry that the session begins with, counted from 0. remarks: what the player should know at the beginning."""

    def __init__(
        self, entries: Sequence[SetEntry], first: int, remarks: Sequence[str], recall: Recall, outbox: Outbox
    ) -> None:
        self._entries, self._recall, self._outbox = tuple(entries), recall, outbox
        self._remarks = tuple(remarks)
        self._number = first

    def attached(self, context: Context, now: float) -> None:
        """Say what could not be read, and read all progressions ahead, because that takes a moment."""
        for remark in self._remarks:
            self._outbox.notice(remark, "warning")
        for entry in self._entries[:PROGRESSIONS_KEPT]:
            if text := entry.settings.chords.progression:
                with suppress(UsageError):
                    read_progression(text)

    def handlers(self) -> Mapping[type[Command], Handler]:
        """Map each command to its method."""
        return {
            NextEntry: lambda wish, now: self._go_to(self._number + 1, now),
            PreviousEntry: lambda wish, now: self._go_to(self._number - 1, now),
            ChooseEntry: lambda wish, now: self._go_to(wish.number, now),
        }

    def prepare(self) -> None:
        """A checkpoint was loaded: load the next entry's beside it."""
        following = self._number + 1
        if following < len(self._entries):
            self._outbox.emit(PrepareModel(self._entries[following].settings.model))

    def settings(self) -> Mapping[str, Any]:
        """The entries, and which of them is on."""
        return {"set_list": self._entries, "first_entry": self._number, "remarks": self._remarks}

    def picture(self, now: float) -> dict[str, Any]:
        """What is on, and what comes next."""
        if not self._entries:
            return {}
        entry = self._entries[self._number]
        following = self._entries[self._number + 1].title if self._number + 1 < len(self._entries) else ""
        return {"set_list": SetListView(self._number, len(self._entries), entry.title, entry.notes, following)}

    def _go_to(self, number: int, now: float) -> None:
        if not self._entries:
            raise UsageError("there is no set list: start with companion set FILE")
        if not 0 <= number < len(self._entries):
            raise UsageError("that was the last entry" if number > 0 else "this is the first entry")
        entry = self._entries[number]
        self._recall.recall(entry.settings, now)
        self._number = number
        place = "from the next bar on" if self._recall.is_coming else "ready"
        self._outbox.notice(f"{number + 1} of {len(self._entries)}: {entry.title}, {place}")
        self.prepare()
