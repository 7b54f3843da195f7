"""Shows a training run: in a terminal a bar below the lines, with loss, speed and the time left; elsewhere only the lines."""

from __future__ import annotations

from datetime import timedelta
from types import TracebackType

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from companion.training.run.view import RunView


class TrainingBar:
    """A context manager; the bar ends with the context. console: where to show; standard output by default."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console()
        self._bars: Progress | None = None
        if self._console.is_terminal:
            columns = BarColumn(bar_width=24), TaskProgressColumn(), TextColumn("{task.description}")
            self._bars = Progress(*columns, console=self._console)
            self._task = self._bars.add_task("the first steps …", total=None)

    def __enter__(self) -> TrainingBar:
        if self._bars is not None:
            self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bars is not None:
            self._bars.stop()

    def say(self, line: str) -> None:
        """Print a line, above the bar if there is one."""
        if self._bars is None:
            print(line, file=self._console.file, flush=True)
        else:
            self._console.print(escape(line), highlight=False)

    def show(self, view: RunView) -> None:
        """Move the bar."""
        if self._bars is None:
            return
        total = None if view.share is None else 1.0
        self._bars.update(self._task, description=words(view), total=total, completed=view.share or 0.0)


def words(view: RunView) -> str:
    """A run in one short line."""
    found = [f"step {view.step}"]
    if view.bits is not None:
        found.append(f"{view.bits:.3f} bits/token")
    found.append(f"{view.tokens_per_second:,.0f} tokens/s")
    if view.seconds_left is not None:
        found.append(f"{timedelta(seconds=round(view.seconds_left))} left")
    return " · ".join(found)
