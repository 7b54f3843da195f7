"""The whole program in time: a recorded player, the session, the engine process and the screen, for many bars at one tempo."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

from companion.errors import CompanionError
from companion.runtime.demo import DEFAULT_BARS, DemoOptions, run_demo
from companion.runtime.recording import LOG_NAME, Log, read_log
from companion.runtime.report import report
from companion.runtime.wake import stolen_seconds
from companion.session.events import EngineReady
from companion.session.settings import ModelSettings

BEATS_A_BAR = 4  # of the player that performs


def measure_realtime(checkpoint: str, engine: str, bars: int, tempo: float, screen: bool = True) -> dict[str, Any]:
    """The demo's report (`companion demo --headless --json`), the tempo, and the share of bars that were there in time.

    screen: with the real terminal UI, drawing into a pseudo-terminal of 160 × 50; its start and memory are then reported as well.
    """
    bars = bars or DEFAULT_BARS
    stolen = stolen_seconds()
    if screen and sys.platform != "win32":
        found = _on_screen(checkpoint, engine, bars, tempo)
    else:
        options = DemoOptions(bars=bars, bpm=tempo, model=ModelSettings(checkpoint=checkpoint, engine=engine))
        found = {**run_demo(options), "screen": False}
    return {
        **found,
        "tempo": tempo,
        "share_in_time": found["bars_fresh"] / max(found["bars"], 1),
        "stolen_ms": round(1000 * (stolen_seconds() - stolen)),
    }


def _on_screen(checkpoint: str, engine: str, bars: int, tempo: float) -> dict[str, Any]:
    from companion.bench.screen import run_on_screen

    with tempfile.TemporaryDirectory(prefix="companion-bench-") as folder:
        arguments = ["demo", "--bars", str(bars), "--bpm", f"{tempo:g}", "--record", folder]
        arguments += ["--checkpoint", checkpoint, "--engine", engine]
        run = run_on_screen(arguments, bars * BEATS_A_BAR * 60 / tempo)
        path = next(Path(folder).glob(f"*/{LOG_NAME}"), None)
        if path is None:
            raise CompanionError("the program on the screen left no recording")
        log = read_log(path)
    ready = _ready_seconds(log)
    return {
        **report(log),
        "screen": True,
        "first_frame_ms": None if run.first_frame is None else round(1000 * (run.first_frame - run.begun)),
        "ready_ms": None if ready is None else round(1000 * (ready - run.begun)),
        "memory_mb": run.memory_mb,
        "memory_total_mb": round(sum(run.memory_mb.values())),
        "memory_without_shared_twice_mb": round(sum(run.shared_memory_mb.values())),
        "cpu_seconds": run.cpu_seconds,
        "drawn_bytes": run.drawn_bytes,
        "slow_turns": [record[2] for record in log.of_kind("p") if str(record[2]).startswith("slow turn")][:20],
    }


def _ready_seconds(log: Log) -> float | None:
    """When the engine was ready, on the clock that all processes share."""
    return next((record[1] for record in log.of_kind("r") if isinstance(record[2], EngineReady)), None)


def realtime_text(found: dict[str, Any]) -> str:
    """Some lines for a terminal."""
    lines = [
        f"{found['share_in_time']:.1%} of {found['bars']} bars in time at {found['tempo']:g} BPM "
        f"({found.get('checkpoint')}, {found.get('engine')}, model_dim {found.get('model_dim')}, "
        f"{'with' if found.get('screen') else 'without'} the screen)",
        f"generation {found.get('generation_ms')} ms, first note {found.get('first_note_ms')} ms",
        f"onset error {found.get('onset_error_ms')} ms, scheduling error {found.get('scheduling_error_ms')} ms",
        f"loop {found.get('loop_ms')}, notes dropped late {found.get('late_notes_dropped')}, "
        f"taken by the host {found['stolen_ms']} ms",
    ]
    if found.get("screen"):
        lines.append(
            f"first frame {found['first_frame_ms']} ms, ready {found['ready_ms']} ms, memory {found['memory_total_mb']} MB"
        )
    return "\n".join(lines)
