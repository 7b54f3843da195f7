"""The whole program in time: the demo's recorded player, the session, the engine process, for many bars at one tempo."""

from __future__ import annotations

from typing import Any

from companion.runtime.demo import DemoOptions, run_demo
from companion.session.settings import ModelSettings


def measure_realtime(checkpoint: str, engine: str, bars: int, tempo: float) -> dict[str, Any]:
    """The demo's report (`companion demo --headless --json`), the tempo, and the share of bars that were there in time."""
    report = run_demo(DemoOptions(bars=bars, bpm=tempo, model=ModelSettings(checkpoint=checkpoint, engine=engine)))
    return {**report, "tempo": tempo, "share_in_time": report["bars_fresh"] / max(report["bars"], 1)}


def realtime_text(report: dict[str, Any]) -> str:
    """Two lines for a terminal."""
    return (
        f"{report['share_in_time']:.1%} of {report['bars']} bars in time at {report['tempo']:g} BPM "
        f"({report.get('checkpoint')}, {report.get('engine')}, model_dim {report.get('model_dim')})\n"
        f"generation {report.get('generation_ms')} ms, onset error {report.get('onset_error_ms')} ms"
    )
