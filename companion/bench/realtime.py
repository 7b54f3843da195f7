"""The whole program in time: the demo's recorded player, the session, the engine process, for many bars at one tempo."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from companion.errors import UsageError


def measure_realtime(checkpoint: str, engine: str, bars: int, tempo: float) -> dict[str, Any]:
    """The demo's report (`companion demo --headless --json`) and the share of bars that were there in time."""
    demo = import_module("companion.runtime.demo")
    report = demo.run_demo(checkpoint=checkpoint, engine=engine, bars=bars, bpm=tempo)
    document = dict(report if isinstance(report, dict) else report.to_dict())
    if not document.get("bars"):
        raise UsageError("the demo played no bars")
    document["tempo"] = tempo
    document["share_in_time"] = document["bars_fresh"] / document["bars"]
    return document


def realtime_text(report: dict[str, Any]) -> str:
    """Two lines for a terminal."""
    return (
        f"{report['share_in_time']:.1%} of {report['bars']} bars in time at {report['tempo']:g} BPM "
        f"({report.get('checkpoint')}, {report.get('engine')}, model_dim {report.get('model_dim')})\n"
        f"generation {report.get('generation_ms')} ms, onset error {report.get('onset_error_ms')} ms"
    )
