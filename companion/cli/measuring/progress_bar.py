"""Shows the progress of long work on standard error: a bar in a terminal, otherwise a line for each part."""

from __future__ import annotations

import sys
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bars


class ProgressBar:
    """A `companion.evaluation.progress.Progress` that people can read. It is a context manager; the bar ends with the context."""

    def __init__(self) -> None:
        self._console = Console(stderr=True)
        self._bars: Bars | None = None
        self._part: TaskID | None = None
        if self._console.is_terminal:
            self._bars = Bars(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                TimeRemainingColumn(),
                console=self._console,
            )

    def __enter__(self) -> ProgressBar:
        if self._bars is not None:
            self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bars is not None:
            self._bars.stop()

    def begin(self, part: str, steps: int = 0) -> None:
        """Begin a part. steps: 0 = the number is not known."""
        if self._bars is None:
            print(f"{part} …" if not steps else f"{part}, {steps} steps …", file=sys.stderr, flush=True)
            return
        self._end_part()
        self._part = self._bars.add_task(part, total=steps or None)

    def step(self) -> None:
        """Note that one step of the part is done."""
        if self._bars is not None and self._part is not None:
            self._bars.advance(self._part)

    def _end_part(self) -> None:
        """Mark a part whose steps could not be counted as done."""
        if self._bars is None or self._part is None:
            return
        task = next(task for task in self._bars.tasks if task.id == self._part)
        if task.total is None:
            self._bars.update(self._part, total=1, completed=1)
