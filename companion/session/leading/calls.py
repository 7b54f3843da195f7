"""The calls that wait or are in effect: what each one does, and where it begins and ends. Pure values and one ledger."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

CallKind = Literal[
    "fill", "break", "ending", "drums only", "solo for me", "half time", "double time", "drop", "build", "intro"
]
FOR_EVER = float("inf")


@dataclass(frozen=True, slots=True)
class Call:
    """One call. start_beats, end_beats: session positions; first_bar, last_bar: the session bars that it changes."""

    number: int
    kind: CallKind
    start_beats: float
    end_beats: float
    first_bar: int
    last_bar: float


class CallLedger:
    """Calls in the order in which they were made. Calls that are over are forgotten."""

    def __init__(self) -> None:
        self._calls: list[Call] = []
        self._begun: set[int] = set()  # numbers of the calls that have begun within a bar
        self._next_number = 1

    def add(self, kind: CallKind, start_beats: float, end_beats: float, first_bar: int, last_bar: float) -> Call:
        """Add a call."""
        call = Call(self._next_number, kind, start_beats, end_beats, first_bar, last_bar)
        self._next_number += 1
        self._calls.append(call)
        return call

    def remove(self, call: Call) -> None:
        """Remove a call that was cancelled or is over."""
        self._calls.remove(call)

    def begin(self, call: Call) -> None:
        """A call that begins within a bar has begun."""
        self._begun.add(call.number)

    def has_begun(self, call: Call) -> bool:
        """Whether `begin` was called for it."""
        return call.number in self._begun

    def put_back(self, call: Call) -> None:
        """Add a call again that was removed."""
        self._calls = sorted([*self._calls, call], key=lambda each: each.number)

    def clear(self) -> None:
        """Forget all calls, because the music stopped."""
        self._calls.clear()
        self._begun.clear()

    def last_waiting(self, position: float) -> Call | None:
        """The newest call that has not begun."""
        return next((call for call in reversed(self._calls) if call.start_beats > position), None)

    def in_bar(self, bar: int, *kinds: CallKind) -> Iterator[Call]:
        """Return the calls of these kinds that change this bar."""
        return (call for call in self._calls if call.kind in kinds and call.first_bar <= bar <= call.last_bar)

    def of(self, *kinds: CallKind) -> Iterator[Call]:
        """Return the calls of these kinds."""
        return (call for call in list(self._calls) if call.kind in kinds)

    def next_start(self, position: float, *kinds: CallKind) -> float | None:
        """Return the first start of such a call after a position."""
        return min((call.start_beats for call in self.of(*kinds) if call.start_beats > position), default=None)

    def forget_before(self, bar: int) -> None:
        """Forget the calls whose last bar is before this one."""
        self._calls = [call for call in self._calls if call.last_bar >= bar]

    def __iter__(self) -> Iterator[Call]:
        return iter(tuple(self._calls))
