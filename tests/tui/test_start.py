"""What starting the screen costs: nothing heavy in this process. The music's own processes start beside it."""

from __future__ import annotations

import subprocess
import sys
from argparse import Namespace
from pathlib import Path
from types import SimpleNamespace

import pytest

from companion.cli import main
from companion.errors import CompanionError
from companion.tui.app import CompanionApp, run_app
from tests.tui.scripted import ScriptedPerformance, snapshot_at

PROBE = """
import asyncio, sys
from companion.tui.app import CompanionApp
from tests.tui.scripted import ScriptedPerformance, snapshot_at

async def main():
    app = CompanionApp(lambda: ScriptedPerformance(snapshot_at))
    async with app.run_test(size=(80, 24)) as pilot:
        while app.picture is None:
            await pilot.pause(0.02)
        await pilot.press("M", "escape", "o", "escape", "a", "escape", "question_mark")
    app.feed.stop()

asyncio.run(main())
heavy = {"numpy", "torch", "transformers", "onnxruntime", "onnx", "rtmidi", "mido", "pythonosc"} & set(sys.modules)
print("heavy:", sorted(heavy))
"""


def test_the_screen_needs_no_heavy_library() -> None:
    root = Path(__file__).parents[2]
    run = subprocess.run([sys.executable, "-c", PROBE], cwd=root, capture_output=True, text=True, timeout=120)
    assert run.stdout.strip() == "heavy: []", run.stderr[-2000:]


def test_a_failed_launch_is_one_line_after_the_screen_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    def launch():
        raise OSError("no such device\nreally")

    def run(app: CompanionApp) -> int:
        app.feed.start()
        app.feed._thread.join(5)
        return 0

    monkeypatch.setattr(CompanionApp, "run", run)
    with pytest.raises(CompanionError, match=r"^the performance ended: OSError: no such device really$"):
        run_app(launch)


def test_leaving_the_screen_ends_the_performance(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    performance = ScriptedPerformance(snapshot_at)
    performance.recording = Path("takes/1")

    def run(app: CompanionApp) -> int:
        app.feed.start()
        while app.feed.newest is None:
            pass
        return 0

    monkeypatch.setattr(CompanionApp, "run", run)
    assert run_app(lambda: performance) == 0
    assert performance.stopped
    assert capsys.readouterr().out == "recording: takes/1\n"


def started_ahead(monkeypatch: pytest.MonkeyPatch, run_app: object) -> tuple[list[ScriptedPerformance], object]:
    """The command line with a launcher and this end of a screen: (what was launched, how it ended)."""
    launched: list[ScriptedPerformance] = []

    def launch() -> ScriptedPerformance:
        launched.append(ScriptedPerformance(snapshot_at))
        return launched[-1]

    monkeypatch.setattr(main, "has_terminal", lambda: True)
    monkeypatch.setattr("companion.tui.app.run_app", run_app)
    try:
        return launched, main._run(SimpleNamespace(run=lambda args: launch), Namespace(command="jam"))
    except BaseException as error:
        return launched, error


def test_a_performance_starts_before_its_screen_and_only_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def show(app: CompanionApp) -> int:
        assert app.feed.newest is None
        app.feed.start()
        while app.feed.newest is None:
            pass
        return 0

    monkeypatch.setattr(CompanionApp, "run", show)
    launched, status = started_ahead(monkeypatch, run_app)
    assert status == 0
    assert [performance.stopped for performance in launched] == [True]


def test_a_performance_ends_with_a_screen_that_cannot_be_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(launcher: object, performance: object) -> int:
        raise KeyboardInterrupt

    launched, ended = started_ahead(monkeypatch, fail)
    assert isinstance(ended, KeyboardInterrupt)
    assert [performance.stopped for performance in launched] == [True]
