"""One table that maps each command to its handler, collected from the parts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from companion.errors import UsageError
from companion.session.api.command_base import Command, Refused, spoken
from companion.session.commands.history import History
from companion.session.extension import Handler
from companion.session.output.outbox import Outbox


class Commands:
    """Does what commands say. groups: tables of handlers; a later one takes the place of an earlier one for the same command.

    history: keeps what each command changed.
    """

    def __init__(self, groups: Iterable[Mapping[type[Command], Handler]], history: History, outbox: Outbox) -> None:
        self._outbox = outbox
        self._history = history
        self._handlers: dict[type[Command], Handler] = {}
        for group in groups:
            self._handlers.update(group)

    @property
    def known(self) -> frozenset[type[Command]]:
        """The commands that have a handler."""
        return frozenset(self._handlers)

    def receive(self, wish: Command, now: float) -> None:
        """Carry out a command. If that is impossible, a notice says why."""
        if isinstance(wish, Refused):
            self._outbox.notice(wish.reason, "warning")
            return
        name = spoken(wish.command_name)
        handler = self._handlers.get(type(wish))
        if handler is None:
            self._outbox.notice(f"{name}: that is for practising with a song", "warning")
            return
        try:
            reading = self._history.before(wish)
            handler(wish, now)
            self._history.after(reading, now)
        except UsageError as error:
            self._outbox.notice(f"{name}: {error}", "warning")


def switched(on: bool | None, now_on: bool) -> bool:
    """The new state of a switch. None inverts the current state."""
    return not now_on if on is None else on
