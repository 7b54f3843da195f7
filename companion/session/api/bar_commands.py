"""Commands for single bars of the plan. See `commands`."""

from __future__ import annotations

from dataclasses import dataclass

from companion.session.api.command_base import Bar, Command, Switch, Track


@dataclass(frozen=True, slots=True)
class Regenerate(Command):
    """Write a coming bar again; None is the next bar."""

    bar: Bar | None = None


@dataclass(frozen=True, slots=True)
class Keep(Command):
    """Repeat a bar of our parts (None: the present bar) instead of generating.

    When practising, this keeps the generated bars from pass to pass.
    """

    on: Switch = None
    bar: Bar | None = None


@dataclass(frozen=True, slots=True)
class Lock(Command):
    """Keep a coming bar as planned; None is the next bar."""

    bar: Bar | None = None
    on: bool = True


@dataclass(frozen=True, slots=True)
class AnotherTake(Command):
    """Play another take of a part (None: all of ours) in a coming bar (None: the next one), or in the bar that is repeated."""

    track: Track | None = None
    bar: Bar | None = None


@dataclass(frozen=True, slots=True)
class Undo(Command):
    """Undo the last change that the player made to the plan or to a dial."""


@dataclass(frozen=True, slots=True)
class Redo(Command):
    """Make the change again that was undone last."""
