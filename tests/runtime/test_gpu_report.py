"""What `companion doctor` says of a GPU, on literal times and on the engine's CPU stand-in."""

from __future__ import annotations

from pathlib import Path

from companion.bench.engines.material import find_checkpoint
from companion.inference.backends.cuda.backend import CudaBackend
from companion.inference.engine import InferenceEngine
from companion.runtime.engine.worker import Worker
from companion.runtime.machine.gpu_report import forecast, gpu_findings, gpu_lines
from companion.session.requests.sizing.lead_time import FIT


def test_parts_that_fit_a_bar_are_counted() -> None:
    assert forecast(120, 5.0, 0.25) == {"bpm": 120, "part_ms": 20.0, "parts": int(FIT * 2000 // 20)}
    assert forecast(200, 100.0, 20.0)["parts"] == 0


def test_the_engine_is_measured_and_told(tmp_path: Path) -> None:
    checkpoint = find_checkpoint("random:32x1x2", tmp_path)
    worker = Worker(InferenceEngine(checkpoint, CudaBackend.from_checkpoint(checkpoint, "cpu")))
    found = gpu_findings(worker, 0.5)
    assert found is not None
    assert found["prefill_ms"] > 0
    first, at_120, at_200 = gpu_lines(found)
    assert "steps plain; a prompt from nothing" in first
    assert "120 BPM" in at_120
    assert "200 BPM" in at_200
    assert gpu_findings(Worker(InferenceEngine.from_checkpoint(checkpoint, "reference")), 0.5) is None
