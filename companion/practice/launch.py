"""Runs a practice session with or without a screen, and writes the report at its end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from companion.practice.report import document, summary_lines, write_report
from companion.runtime.front.headless import Starter, run_headless
from companion.runtime.front.launch import Launcher
from companion.runtime.front.performance import LaunchOptions, Performance
from companion.runtime.recording.folder import LOG_NAME
from companion.runtime.recording.recorder import read_log
from companion.runtime.recording.records import FrontTold
from companion.session.api.effects import PassFinished
from companion.session.api.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class PracticeLauncher(Launcher):
    """A launcher that reports at the end: `finish` is called when the screen has closed."""

    report_dir: Path | None = None
    started: list[Performance] = field(default_factory=list, compare=False)

    def __call__(self) -> Performance:
        """Start the performance and keep it for the report."""
        performance = Launcher.__call__(self)
        self.started.append(performance)
        return performance

    def finish(self) -> None:
        """Print how the practice went, and write the report if one was requested."""
        for performance in self.started:
            if performance.recording is not None:
                lines = practice_report(performance.recording / LOG_NAME, self.options, self.report_dir)["lines"]
                print("\n".join(lines))


def run_practice(options: LaunchOptions, report_dir: Path | None, passes: int = 0, *, as_json: bool = False) -> int:
    """Practise without a screen, until the song or the last of `passes` ends (0: a loop goes on until Ctrl-C)."""
    return run_headless(
        options,
        as_json=as_json,
        each=_Course(options, passes),
        more=lambda log: practice_report(log, options, report_dir),
    )


def practice_report(log: Path, options: LaunchOptions, report_dir: Path | None) -> Mapping[str, Any]:
    """The passes of a performance, from its log: {"practice": document, "lines": for people}."""
    if not log.is_file():
        return {"lines": []}
    passes = [told.notice for told in read_log(log).of_kind(FrontTold) if isinstance(told.notice, PassFinished)]
    lines = summary_lines(options.title, passes)
    if report_dir is not None:
        lines += write_report(report_dir, options.title, passes)
    return {"practice": document(options.title, passes), "lines": lines}


class _Course(Starter):
    """Starts when all is ready, and ends with the song or after the last pass."""

    def __init__(self, options: LaunchOptions, passes: int) -> None:
        super().__init__(options)
        self._passes = passes
        self._was_running = False
        self._is_master = options.settings.clock.source == "internal"

    def __call__(self, performance: Performance, snapshot: Snapshot) -> bool:
        """Returns False at the end."""
        super().__call__(performance, snapshot)
        running = snapshot.transport.state == "running"
        over = self._was_running and not running and self._is_master
        self._was_running = self._was_running or running
        practice = snapshot.practice
        return not over and not (self._passes and practice and practice.pass_number > self._passes)
