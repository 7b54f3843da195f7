"""The real processes, over a recorded player: what they load, and what happens when one dies. No MIDI driver is needed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from companion.inference.checkpoints.hub import shipped_checkpoint
from companion.runtime.front.report import hanging_notes
from companion.runtime.players.demo import DemoOptions, launch_options
from companion.runtime.processes.live_performance import LivePerformance, start
from companion.runtime.recording.recorder import read_log
from companion.runtime.recording.records import EventReceived, PerformanceEnded
from companion.runtime.recording.replay import replay
from companion.session.api.events import EngineLost, EngineReady, command
from companion.session.api.settings import ModelSettings

PATIENCE_SECONDS = 60.0

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="live playing needs Linux or macOS"),
    pytest.mark.skipif(shipped_checkpoint("yellow") is None, reason="no shipped checkpoint in this checkout"),
]


def wait_until(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.02)


def processes_of(performance: LivePerformance) -> dict[str, psutil.Process]:
    """The processes of a performance, by the name of their module."""
    supervisor = psutil.Process(performance.processes())
    found = {"supervisor": supervisor}
    for process in supervisor.children():
        words = process.cmdline()  # empty for a zombie, still the supervisor's between fork and exec
        if "-m" in words and "supervisor" not in words[words.index("-m") + 1]:
            found[words[words.index("-m") + 1].rpartition(".")[2]] = process
    return found


def all_gone(processes: list[psutil.Process]) -> bool:
    def running(process: psutil.Process) -> bool:
        try:
            return process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False

    return not any(running(process) for process in processes)


@pytest.fixture
def performance(tmp_path: Path) -> Iterator[LivePerformance]:
    """An endless demo, playing: quick bars and a small model, so that it is under way soon."""
    options = DemoOptions(bars=0, bpm=200, model=ModelSettings(checkpoint="yellow_mini"), record_dir=tmp_path, seed=1)
    playing = start(launch_options(options))
    wait_until(lambda: (s := playing.snapshot()) and s.transport.state == "running" and s.generation.bars > 0, "bars")
    yield playing
    playing.stop()


def test_commands_snapshots_and_a_clean_end(performance: LivePerformance) -> None:
    processes = processes_of(performance)
    assert set(processes) == {"supervisor", "realtime", "engine_process"}
    performance.send(command("mute", track=1, on=True))
    wait_until(lambda: (s := performance.snapshot()) and s.lanes[1].muted, "the mute")
    performance.stop()
    performance.stop()
    assert not performance.alive()
    assert all_gone(list(processes.values()))
    assert performance.recording is not None
    log = read_log(performance.recording / "log.jsonl")
    assert hanging_notes(log) == 0
    assert replay(log).same
    assert (performance.recording / "performance.mid").read_bytes()[:4] == b"MThd"


def test_the_realtime_process_loads_no_torch_and_no_screen(performance: LivePerformance) -> None:
    maps = Path(f"/proc/{processes_of(performance)['realtime'].pid}/maps")
    if not maps.exists():
        pytest.skip("needs /proc")
    loaded = maps.read_text()
    assert not any(name in loaded for name in ("torch", "onnxruntime", "numpy"))
    script = "import sys, companion.runtime.processes.realtime; print(' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    heavy = {"torch", "transformers", "textual", "onnxruntime", "numpy", "asyncio", "multiprocessing"}
    assert not heavy & set(done.stdout.split())


def test_a_killed_engine_is_replaced_while_the_music_goes_on(performance: LivePerformance) -> None:
    assert performance.recording is not None
    written = performance.recording / "log.jsonl"
    processes_of(performance)["engine_process"].kill()
    wait_until(lambda: written.read_text().count("is ready") == 2, "another engine")
    before = performance.snapshot()
    assert before is not None
    wait_until(lambda: (s := performance.snapshot()) and s.transport.bar > before.transport.bar, "the next bar")
    performance.stop()
    log = read_log(written)
    kinds = [type(told.event) for told in log.of_kind(EventReceived)]
    assert kinds.count(EngineLost) == 1
    assert kinds.count(EngineReady) == 2
    assert hanging_notes(log) == 0


def test_a_killed_realtime_process_ends_it_all_with_a_reason(performance: LivePerformance) -> None:
    processes = processes_of(performance)
    processes["realtime"].kill()
    wait_until(lambda: performance.ended, "the reason")
    assert "realtime process ended with status -9" in (performance.ended or "")
    wait_until(lambda: all_gone(list(processes.values())), "the others to end")
    assert performance.recording is not None
    assert (performance.recording / "performance.mid").is_file()
    assert replay(read_log(performance.recording / "log.jsonl")).sent


def test_a_hung_realtime_process_is_noticed(performance: LivePerformance) -> None:
    processes = processes_of(performance)
    processes["realtime"].suspend()  # as a send into a dead sound server would
    wait_until(lambda: performance.ended, "the watchdog")
    assert "stopped answering" in (performance.ended or "")
    wait_until(lambda: all_gone(list(processes.values())), "the others to end")


def test_a_killed_supervisor_is_replaced_and_the_recording_is_whole(performance: LivePerformance) -> None:
    assert performance.recording is not None
    written = performance.recording / "log.jsonl"
    before = processes_of(performance)
    before["supervisor"].kill()
    wait_until(lambda: any("supervisor has died" in getattr(e, "text", "") for e in performance.events()), "the notice")
    assert performance.alive()
    wait_until(lambda: performance.snapshot() and written.read_text().count("is ready") == 2, "another engine")
    after = psutil.Process(performance.processes())
    assert after.pid != before["supervisor"].pid
    performance.stop()
    wait_until(lambda: all_gone([*before.values(), after]), "all to end")
    log = read_log(written)
    assert replay(log).same, "not one line is missing or there twice"
    assert next(log.of_kind(PerformanceEnded), None) is not None
    assert (performance.recording / "performance.mid").is_file()


def test_a_killed_front_ends_the_music_and_leaves_a_whole_recording(tmp_path: Path) -> None:
    arguments = ["demo", "--headless", "--bars", "200", "--record", str(tmp_path)]
    front = subprocess.Popen([sys.executable, "-m", "companion", *arguments], stderr=subprocess.DEVNULL)
    logs: list[Path] = []

    def sounding() -> bool:
        logs[:] = tmp_path.glob("*/log.jsonl")
        return bool(logs) and '"s",' in logs[0].read_text()

    wait_until(sounding, "notes")
    others = psutil.Process(front.pid).children(recursive=True)
    assert len(others) == 3
    front.send_signal(signal.SIGKILL)
    front.wait()
    wait_until(lambda: all_gone(others), "the others to end")
    log = read_log(logs[0])
    assert hanging_notes(log) == 0
    assert next(log.of_kind(PerformanceEnded), None) is not None
    assert (logs[0].parent / "performance.mid").is_file()


def test_ctrl_c_ends_a_headless_demo_at_once_and_cleanly(tmp_path: Path) -> None:
    arguments = ["demo", "--headless", "--bars", "200", "--record", str(tmp_path)]
    front = subprocess.Popen(
        [sys.executable, "-m", "companion", *arguments], stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    wait_until(lambda: any(tmp_path.glob("*/log.jsonl")), "the log")
    others = psutil.Process(front.pid).children(recursive=True)
    os.killpg(front.pid, signal.SIGINT)
    _, said = front.communicate(timeout=60)
    assert front.returncode == 130
    assert "Traceback" not in said
    wait_until(lambda: all_gone(others), "the others to end")


def test_the_demo_reports_what_the_contract_promises(tmp_path: Path) -> None:
    out = tmp_path / "demo.mid"
    arguments = ["demo", "--headless", "--json", "--bars", "2", "--player", "drums", "--tracks", "1", "--out", str(out)]
    done = subprocess.run([sys.executable, "-m", "companion", *arguments], capture_output=True, text=True, check=True)
    report = json.loads(done.stdout)
    promised = {
        "bars", "bars_fresh", "bars_by_ladder_step", "generation_ms", "lead_ms", "onset_error_ms", "notes_in", "notes_out",
        "hanging_notes", "checkpoint", "engine", "mask_mode", "model_dim", "seed",
    }  # fmt: skip
    assert promised <= set(report)
    assert {"p50", "p99", "max"} <= set(report["onset_error_ms"])
    assert report["hanging_notes"] == 0
    assert report["notes_in"] > 0
    assert out.read_bytes()[:4] == b"MThd"
