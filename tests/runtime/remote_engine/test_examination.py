"""What `companion doctor` says of an engine on another machine, with a real host."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("zmq")

from companion.inference.checkpoints.hub import shipped_checkpoint
from companion.runtime.remote_engine import examination
from companion.runtime.remote_engine.examination import examine_remote, remote_text
from companion.runtime.remote_engine.pairing import KEYS_VARIABLE, GuestStore, HostStore
from tests.runtime.remote_engine.remote_stage import HostProcess, free_port

MODEL = "yellow_mini"
pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="an engine for other machines needs Linux or macOS"),
    pytest.mark.skipif(shipped_checkpoint(MODEL) is None, reason="no shipped checkpoint in this checkout"),
]


@pytest.fixture(autouse=True)
def keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(KEYS_VARIABLE, str(tmp_path / "guest"))
    monkeypatch.setattr(examination, "ARRIVAL_SECONDS", 4.0)
    return tmp_path / "guest"


def test_without_a_pairing_it_says_how_to_pair():
    text = remote_text(examine_remote("tcp://127.0.0.1:9", MODEL))
    assert "is not paired with the engine at 127.0.0.1:9" in text


def test_an_address_where_nothing_listens_is_not_reachable(tmp_path):
    GuestStore().accept(HostStore(tmp_path / "host").new_token(time.time()))
    text = remote_text(examine_remote(f"tcp://127.0.0.1:{free_port()}", MODEL))
    assert "not reachable" in text
    assert "companion engine --listen run there" in text


def test_a_host_is_reachable_paired_and_measured_and_others_are_told_apart(tmp_path, keys, monkeypatch):
    monkeypatch.delenv(KEYS_VARIABLE)
    host = HostProcess(tmp_path / "host", MODEL)
    monkeypatch.setenv(KEYS_VARIABLE, str(keys))
    try:
        host.wait_for("is ready")
        GuestStore().accept(HostStore(tmp_path / "another").new_token(time.time()))
        assert "the paired engine does not answer there" in examine_remote(host.address, MODEL)["state"]
        GuestStore().accept(host.store.new_token(time.time()))
        monkeypatch.setattr(examination, "ARRIVAL_SECONDS", 60.0)
        found = examine_remote(host.address, MODEL)
        assert found["paired"]
        assert found["reachable"]
        assert 0 < found["round_trip_ms"]["p50"] <= found["round_trip_ms"]["max"]
        assert [row["bpm"] for row in found["tempi"]] == [80, 120, 160, 200]
        assert all(row["lead_ms"] > 0 for row in found["tempi"])
        assert "reachable and paired" in remote_text(found)
        host.store.forget(host.store.guests()[-1].name)
        monkeypatch.setattr(examination, "ARRIVAL_SECONDS", 8.0)
        assert not examine_remote(host.address, MODEL)["paired"]
    finally:
        host.end()
