"""Commands for snapshots, presets and set lists: everything that one hears and has set, changed at a bar line. See `commands`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from companion.session.api import limits
from companion.session.api.command_base import Command
from companion.session.api.settings import SessionSettings


@dataclass(frozen=True, slots=True)
class StoreSnapshot(Command):
    """Keep everything that is set now under a name or a number, in place of what was kept under it."""

    name: str


@dataclass(frozen=True, slots=True)
class RecallSnapshot(Command):
    """Set everything as it was stored under a name, from the next bar line on."""

    name: str


@dataclass(frozen=True, slots=True)
class RemoveSnapshot(Command):
    """Forget what was stored under a name."""

    name: str


@dataclass(frozen=True, slots=True)
class LoadSettings(Command):
    """Play with these settings from the next bar line on: those of another preset. title: how it is called."""

    title: str
    settings: SessionSettings


@dataclass(frozen=True, slots=True)
class NextEntry(Command):
    """Go on to the next entry of the set list."""


@dataclass(frozen=True, slots=True)
class PreviousEntry(Command):
    """Go back to the entry of the set list before this one."""


@dataclass(frozen=True, slots=True)
class ChooseEntry(Command):
    """Go to an entry of the set list, counted from 0."""

    number: Annotated[int, limits.ENTRY]
