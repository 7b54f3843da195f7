"""What a GPU would do at which tempo: measured times of a token and a prompt, and the parts of a bar that they leave time for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from companion.inference.backends.writing import WritingBackend
from companion.runtime.engine.worker import Worker, example_job
from companion.session.requests.sizing.lead_time import FIT

TEMPI = (120, 200)
BEATS = 4
TOKENS = 60  # of a busy bar of one part


def gpu_findings(worker: Worker, ms_per_token: float) -> dict[str, Any] | None:
    """What was measured on the engine's GPU, JSON-able; None for an engine that does not write on a device by itself."""
    backend = worker.engine.backend
    if not isinstance(backend, WritingBackend):
        return None
    encoder = worker.engine.checkpoint.encoder_config
    worker.live.forget()
    result = worker.generate(example_job(max(encoder.num_bars_map), encoder.time_signatures), lambda event: None).result
    prefill_ms = 0.0 if result is None else result.prefill_ms
    return {
        "kernels": getattr(backend, "kernels", ""),
        "prefill_ms": round(prefill_ms, 2),
        "ms_per_token": round(ms_per_token, 3),
        "tempi": [forecast(bpm, prefill_ms, ms_per_token) for bpm in TEMPI],
    }


def forecast(bpm: float, prefill_ms: float, ms_per_token: float) -> dict[str, Any]:
    """How long a busy bar of one part takes from nothing, and how many such parts fit one after the other into a bar's time.

    Live play sends most of the prompt ahead, so this is the slow case.
    """
    part_ms = prefill_ms + TOKENS * ms_per_token
    room_ms = FIT * BEATS * 60_000 / bpm
    return {"bpm": bpm, "part_ms": round(part_ms, 1), "parts": int(room_ms // part_ms) if part_ms > 0 else 0}


def gpu_lines(findings: Mapping[str, Any]) -> list[str]:
    """The findings for people."""
    lines = [
        f"           steps {findings['kernels']}; a prompt from nothing {findings['prefill_ms']:.1f} ms, "
        f"{findings['ms_per_token']:.3f} ms a token"
    ]
    lines += [
        f"           {row['bpm']:>3} BPM: a busy bar in {row['part_ms']:.0f} ms, {row['parts']} parts in time, one after the other"
        for row in findings["tempi"]
    ]
    return lines
