"""The history of what the player has changed, for undo and redo.

A step holds one thing and its value before the change. To undo a step, the value of that moment is read for redo, and the old one is
written. A change of the same thing within a moment of the last one joins its step, so that a turned dial is one step. A step that can
no longer be undone, because its bar was played or its call has begun, is passed over.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from companion.errors import UsageError
from companion.session.api.bar_commands import Redo, Undo
from companion.session.api.command_base import Command
from companion.session.commands.undoable import FindUndoable, Undoable
from companion.session.extension import Handler, Say

STEPS_KEPT = 100
MOMENT_SECONDS = 1.5  # changes of one thing that follow each other this closely are one step


@dataclass(frozen=True, slots=True)
class Reading:
    """A thing that a command is about to change, and its value before."""

    thing: Undoable
    value: Any


@dataclass(frozen=True, slots=True)
class Step:
    """One change. value: what is written to take it back. seconds: when it was changed last."""

    thing: Undoable
    value: Any
    seconds: float


class History:
    """tables: which thing each command changes; a later table takes the place of an earlier one for the same command."""

    def __init__(self, tables: Iterable[Mapping[type[Command], FindUndoable]], notice: Say) -> None:
        self._notice = notice
        self._find: dict[type[Command], FindUndoable] = {}
        self._done: deque[Step] = deque(maxlen=STEPS_KEPT)
        self._undone: list[Step] = []
        self.use(tables)

    def use(self, tables: Iterable[Mapping[type[Command], FindUndoable]]) -> None:
        """Take other tables, because other parts answer from now on. Steps of the parts before are forgotten."""
        self._find = {kind: find for table in tables for kind, find in table.items()}
        self._done.clear()
        self._undone.clear()

    def handlers(self) -> Mapping[type[Command], Handler]:
        """Map the two commands to their methods."""
        return {Undo: self._undo, Redo: self._redo}

    def before(self, wish: Command) -> Reading | None:
        """Read what a command is about to change; None if it changes nothing that can be undone. Raises UsageError."""
        find = self._find.get(type(wish))
        if find is None:
            return None
        thing = find(wish)
        return Reading(thing, thing.read())

    def after(self, reading: Reading | None, now: float) -> None:
        """The command was carried out: keep the step if it changed anything."""
        if reading is None or reading.thing.read() == reading.value:
            return
        self._undone.clear()
        thing, last = reading.thing, self._done[-1] if self._done else None
        joins = last is not None and thing.runs and last.thing.key == thing.key
        if last is not None and joins and now - last.seconds <= MOMENT_SECONDS:
            self._done[-1] = Step(last.thing, last.value, now)
        else:
            self._done.append(Step(thing, reading.value, now))

    def _undo(self, wish: Undo, now: float) -> None:
        while self._done:
            if (step := self._write(self._done.pop(), now, "undone")) is not None:
                self._undone.append(step)
                return
        raise UsageError("nothing to undo")

    def _redo(self, wish: Redo, now: float) -> None:
        while self._undone:
            if (step := self._write(self._undone.pop(), now, "redone")) is not None:
                self._done.append(step)
                return
        raise UsageError("nothing to redo")

    def _write(self, step: Step, now: float, word: str) -> Step | None:
        """Write a step's value. Returns the step that takes that back, or None if the value cannot be written any more."""
        present = step.thing.read()
        try:
            written = step.thing.write(step.value, now)
        except UsageError:
            return None
        if not written:
            return None
        self._notice(f"{word}: {step.thing.say(step.value)}")
        # A later change of the same thing is a step of its own, however soon it follows.
        return Step(step.thing, present, float("-inf"))
