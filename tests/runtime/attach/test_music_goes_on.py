"""A real performance with screens attached, one of them stopped and one killed: the music goes on in time."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from companion.runtime.attach.sockets import running
from companion.runtime.front.launch import start_performance
from companion.runtime.front.performance import Performance
from companion.runtime.front.report import report
from companion.runtime.players.demo import DemoOptions, launch_options
from companion.runtime.recording.folder import LOG_NAME
from companion.runtime.recording.recorder import read_log
from companion.session.api.settings import ModelSettings
from companion.session.api.snapshot import Snapshot

BARS, NOTES, BPM = 5, 50, 180  # what is to be played after two of the screens have gone
PATIENCE_SECONDS = 120.0


def follower() -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "companion", "attach", "--headless"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_stopped_and_a_killed_screen_cost_the_music_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    model = ModelSettings(checkpoint="yellow_mini")
    options = DemoOptions(bars=0, bpm=BPM, model=model, record_dir=tmp_path / "kept")
    performance = start_performance(launch_options(options))
    screens: list[subprocess.Popen[str]] = []
    try:
        assert list(running()) == [os.getpid()]
        screens = [follower() for _ in range(3)]
        for screen in screens:
            assert screen.stdout is not None
            assert "BPM" in screen.stdout.readline()
        stopped, killed, watching = screens
        stopped.send_signal(signal.SIGSTOP)
        killed.kill()
        begun = wait_for_music(performance)
        last = wait_for_music(performance, begun.transport.bar + BARS, begun.counters["notes_out"] + NOTES)
        performance.stop()
        found = report(read_log(tmp_path / "kept" / _only(tmp_path / "kept") / LOG_NAME))
        assert found["recorded_to_the_end"]
        assert found["hanging_notes"] == 0
        assert found["scheduling_error_ms"]["p50"] < 10
        said = watching.communicate(timeout=60)[0]
        assert max(map(int, re.findall(r"bar (\d+)\.", said))) >= last.transport.bar
        assert said.endswith("the performance has ended\n")
        assert watching.returncode == 0
    finally:
        for screen in screens:
            screen.kill()
            screen.communicate()
        performance.stop()


def wait_for_music(performance: Performance, bar: int = 0, notes: int = 0) -> Snapshot:
    """The first picture in which this bar is reached and so many notes have been played."""
    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        snapshot = performance.snapshot()
        if snapshot and snapshot.transport.bar >= bar and snapshot.counters["notes_out"] >= notes:
            return snapshot
        assert performance.alive()
        assert time.monotonic() < end, f"waited in vain for {notes} notes and bar {bar}"
        time.sleep(0.02)


def _only(folder: Path) -> str:
    (found,) = folder.iterdir()
    return found.name
