"""What starting the screen costs: nothing heavy in this process, and the music's own start comes after the first frame."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

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
        assert "numpy" not in sys.modules
        while app.picture is None:
            await pilot.pause(0.02)
        await pilot.press("M", "escape", "o", "escape", "a", "escape", "question_mark")
    app.feed.stop()

asyncio.run(main())
heavy = {"torch", "transformers", "onnxruntime", "onnx", "rtmidi", "mido"} & set(sys.modules)
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
