"""How late the system wakes us: measured for real, judged by the doctor."""

from __future__ import annotations

from pathlib import Path

import pytest

from companion.runtime.machine import doctor
from companion.runtime.machine.wake_latency import measure_wakes


def test_wakes_are_measured_in_a_process_of_their_own() -> None:
    found = measure_wakes()
    assert 0 < found["p50_ms"] <= found["p99_ms"] <= found["max_ms"]
    assert measure_wakes(patience_seconds=0.001) == {}


@pytest.mark.parametrize(
    ("queued", "awake", "blamed"), [(18.0, True, "other programs"), (0.1, True, "host"), (0.1, False, "udev rule")]
)
def test_the_doctor_says_who_wakes_us_late(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, queued: float, awake: bool, blamed: str
) -> None:
    wakes = {"p50_ms": 0.1, "p99_ms": 1.0, "max_ms": 20.0, "queued_ms": queued, "stolen_ms": 0, "cores_awake": awake}
    monkeypatch.setattr(doctor, "QOS_PATH", tmp_path)
    monkeypatch.setattr(doctor, "measure_wakes", lambda: wakes)
    problems: list[dict[str, str]] = []
    doctor._realtime(problems)
    late = [problem for problem in problems if "20 ms late" in problem["what"]]
    assert len(late) == 1
    assert blamed in late[0]["how_to_fix"]
