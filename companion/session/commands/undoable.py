"""What a command changes, in a form that can be put back: the value of one thing, read before and after.

Each part that answers a command names the thing which that command changes. The history (`history`) reads its value before
the command, and writes that value again when the player undoes the command. Nothing else of the session is touched.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Undoable:
    """One thing that commands change, such as the temperature, a part's role or the drafts of a bar.

    key: equal keys name the same thing. read: the present value; two values that are equal mean the same state.
    write: sets a value at a time (seconds), and returns False if that is no longer possible, because a bar was played or a call
    has begun; it may raise UsageError instead. say: a value in words, such as "temperature is 1.05".
    runs: whether changes that follow each other within a moment are one step, as when a dial is turned.
    """

    key: Hashable
    read: Callable[[], Any]
    write: Callable[[Any, float], bool]
    say: Callable[[Any], str]
    runs: bool = True


FindUndoable = Callable[[Any], Undoable]  # takes the command; UsageError if what it names does not exist


def dial(
    key: Hashable, read: Callable[[], Any], write: Callable[[Any, float], None], say: Callable[[Any], str]
) -> Undoable:
    """A thing whose values can always be set again."""

    def set_again(value: Any, now: float) -> bool:
        write(value, now)
        return True

    return Undoable(key, read, set_again, say)
