"""Joins the commands of all parts with the history of what they change. It is joined anew when another song brings another part."""

from __future__ import annotations

from collections.abc import Sequence

from companion.session.commands.handlers import Commands, Group
from companion.session.commands.history import History
from companion.session.extensions import Extensions
from companion.session.output.outbox import Outbox


class Switchboard:
    """groups: whoever answers commands; extensions take their place for the same command, the first one last of all."""

    def __init__(self, groups: Sequence[Group], extensions: Extensions, outbox: Outbox) -> None:
        self._groups, self._extensions = tuple(groups), extensions
        self.history = History((), outbox.notice)
        self.commands = Commands((), self.history, outbox)
        self.join()

    def join(self) -> None:
        """Ask the parts that are there now. What was changed before can no longer be undone."""
        groups = (*self._groups, *reversed(list(self._extensions)))
        self.history.use([group.undoables() for group in groups])
        self.commands.use([*(group.handlers() for group in groups), self.history.handlers()])
