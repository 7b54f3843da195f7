"""A whole performance with its engine on another machine: real processes, a real socket, and a network that can be cut and frozen."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("zmq")

from companion.bench.live.slow_network import SlowNetwork
from companion.inference.checkpoints.hub import shipped_checkpoint
from companion.runtime.players.demo import DemoOptions, launch_options
from companion.runtime.processes.live_performance import start
from companion.runtime.recording.records import EventReceived
from companion.session.api.events import EngineReady, SizeLost, command
from companion.session.api.settings import ModelSettings
from tests.runtime.remote_engine.far_player import Player, end_and_check
from tests.runtime.remote_engine.remote_stage import HostProcess, wait_until

MODEL = "yellow_mini"
pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="live playing needs Linux or macOS"),
    pytest.mark.skipif(shipped_checkpoint(MODEL) is None, reason="no shipped checkpoint in this checkout"),
]


@pytest.fixture
def host(tmp_path: Path) -> Iterator[HostProcess]:
    running = HostProcess(tmp_path / "host", MODEL)
    running.wait_for("is ready")
    yield running
    running.end()


@pytest.fixture
def network(host: HostProcess) -> Iterator[SlowNetwork]:
    between = SlowNetwork(host.port, delay_seconds=0.005)
    yield between
    between.close()


@pytest.fixture
def player(
    host: HostProcess, network: SlowNetwork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Player]:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "guest"))
    host.pair(tmp_path / "guest")
    model = ModelSettings(checkpoint=MODEL, engine=f"tcp://127.0.0.1:{network.port}")
    # One part only, so that both engines are in time even where tests run beside each other.
    options = DemoOptions(bars=0, bpm=100, tracks=1, model=model, record_dir=tmp_path, seed=1)
    performance = start(launch_options(options))
    playing = Player(performance)
    playing.wait_for_writer("127.0.0.1")
    playing.wait_for_bars(2)
    yield playing
    performance.stop()


def test_a_network_that_is_cut_or_frozen_and_mended(player, network):
    for break_it in (network.cut, network.freeze):
        break_it()
        player.wait_for_writer("")
        player.wait_for_bars(2)
        network.mend()
        player.wait_for_writer("127.0.0.1")
        player.wait_for_bars(2)
    assert any("writes from here on: yellow_mini at 127.0.0.1 is cut off" in text for text in player.told)
    events = [record.event for record in end_and_check(player).of_kind(EventReceived)]
    assert len([event for event in events if isinstance(event, SizeLost)]) == 2
    assert len([event for event in events if isinstance(event, EngineReady)]) == 4


def test_a_host_that_is_suspended_killed_and_started_again(player, host):
    host.process.send_signal(signal.SIGSTOP)
    player.wait_for_writer("")
    player.wait_for_bars(2)
    host.process.send_signal(signal.SIGCONT)
    player.wait_for_writer("127.0.0.1")
    host.restart()
    player.wait_for_writer("")
    player.wait_for_bars(2)
    player.wait_for_writer("127.0.0.1")
    host.engine().kill()
    player.wait_for_writer("")
    player.wait_for_writer("127.0.0.1")
    player.wait_for_bars(2)
    end_and_check(player)
    assert "ended" not in host.lines[-1]


def test_a_machine_that_is_not_paired_plays_with_its_own_model_and_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "nobody"))
    model = ModelSettings(checkpoint=MODEL, engine="tcp://127.0.0.1:9")
    performance = start(launch_options(DemoOptions(bars=0, model=model, record_dir=tmp_path, seed=1)))
    player = Player(performance)
    try:
        player.wait_for_writer("")
        player.wait_for_bars(2)
        wait_until(lambda: player.writer() == "" and any("is not paired" in text for text in player.told), "the notice")
    finally:
        performance.stop()


def test_another_checkpoint_is_loaded_on_both_machines(player, host):
    player.performance.send(command("set_model", checkpoint="ghost_mini"))
    wait_until(
        lambda: (
            (s := player.performance.snapshot()) and s.checkpoint and s.checkpoint.name == "ghost_mini at 127.0.0.1"
        ),
        "the host's ghost_mini",
    )
    player.wait_for_bars(2)
    assert host.said("loading ghost_mini")
    assert not host.said("turned away")
    end_and_check(player)
