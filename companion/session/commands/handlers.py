"""One table that maps each command to its handler, collected from the parts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from companion.errors import UsageError
from companion.session.api.command_base import Command, Refused, spoken
from companion.session.commands.history import History
from companion.session.commands.undoable import FindUndoable
from companion.session.extension import Handler
from companion.session.output.outbox import Outbox


class Group(Protocol):
    """Whoever answers commands."""

    def handlers(self) -> Mapping[type[Command], Handler]:
        """Map each command to its method."""
        ...

    def undoables(self) -> Mapping[type[Command], FindUndoable]:
        """Map commands to what they change."""
        ...


class Commands:
    """Does what commands say. groups: tables of handlers; a later one takes the place of an earlier one for the same command.

    history: keeps what each command changed.
    """

    def __init__(self, groups: Iterable[Mapping[type[Command], Handler]], history: History, outbox: Outbox) -> None:
        self._outbox = outbox
        self._history = history
        self._handlers: dict[type[Command], Handler] = {}
        self.use(groups)

    def use(self, groups: Iterable[Mapping[type[Command], Handler]]) -> None:
        """Take other tables, because other parts answer from now on."""
        self._handlers = {kind: handler for group in groups for kind, handler in group.items()}

    @property
    def known(self) -> frozenset[type[Command]]:
        """The commands that have a handler."""
        return frozenset(self._handlers)

    def receive(self, wish: Command, now: float) -> None:
        """Carry out a command of the player, who may undo it. If that is impossible, a notice says why."""
        self._carry_out(wish, now, self._history)

    def do(self, wish: Command, now: float) -> None:
        """The same for a command that is a part of a larger change: it is not a step of the history."""
        self._carry_out(wish, now, None)

    def _carry_out(self, wish: Command, now: float, history: History | None) -> None:
        if isinstance(wish, Refused):
            self._outbox.notice(wish.reason, "warning")
            return
        name = spoken(wish.command_name)
        handler = self._handlers.get(type(wish))
        if handler is None:
            self._outbox.notice(f"{name}: that is for practising with a song", "warning")
            return
        try:
            reading = None if history is None else history.before(wish)
            handler(wish, now)
            if history is not None:
                history.after(reading, now)
        except UsageError as error:
            self._outbox.notice(f"{name}: {error}", "warning")


def switched(on: bool | None, now_on: bool) -> bool:
    """The new state of a switch. None inverts the current state."""
    return not now_on if on is None else on
