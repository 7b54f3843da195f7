"""The progress of a long measurement. The measures know only this interface, not where the progress is shown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol, TypeVar

Item = TypeVar("Item")


class Progress(Protocol):
    """Receives each part and each of its steps."""

    def begin(self, part: str, steps: int = 0) -> None:
        """A part begins. steps: number of steps; 0 = unknown."""
        ...

    def step(self) -> None:
        """One step of the part is done."""
        ...


class Silent:
    """Shows nothing."""

    def begin(self, part: str, steps: int = 0) -> None:
        """See `Progress`."""

    def step(self) -> None:
        """See `Progress`."""


def counted(progress: Progress, part: str, items: Iterable[Item]) -> Iterator[Item]:
    """Yield the items; each one is a step of the part."""
    listed = list(items)
    progress.begin(part, len(listed))
    for item in listed:
        yield item
        progress.step()
