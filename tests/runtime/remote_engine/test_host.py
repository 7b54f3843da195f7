"""The host as a real process on a real socket: who is let in, what garbage does, and how it ends."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

zmq = pytest.importorskip("zmq")

from companion.inference.checkpoints.hub import shipped_checkpoint  # noqa: E402
from companion.runtime.engine.worker import example_job  # noqa: E402
from companion.runtime.ipc.protocol import (  # noqa: E402
    REMOTE_PROTOCOL,
    End,
    Goodbye,
    Introduce,
    Ping,
    Pong,
    TurnedAway,
    Welcome,
)
from companion.runtime.ipc.wire import encode  # noqa: E402
from companion.runtime.remote_engine.curve import MAX_MESSAGE_BYTES, new_keys  # noqa: E402
from companion.session.api.effects import Cancel, Generate, LoadModel, Prefill  # noqa: E402
from companion.session.api.events import (  # noqa: E402
    BarGenerated,
    EngineLost,
    EngineReady,
    GenerationFinished,
    NoteGenerated,
)
from companion.session.api.settings import ModelSettings  # noqa: E402
from tests.runtime.remote_engine.remote_stage import (  # noqa: E402
    HostProcess,
    Peer,
    wait_until,
)

MODEL = "yellow_mini"
pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="an engine for other machines needs Linux or macOS"),
    pytest.mark.skipif(shipped_checkpoint(MODEL) is None, reason="no shipped checkpoint in this checkout"),
]


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostProcess]:
    running = HostProcess(tmp_path_factory.mktemp("host"), MODEL)
    running.wait_for("yellow_mini is ready")
    yield running
    running.end()


@pytest.fixture
def peer(host: HostProcess) -> Iterator[Peer]:
    own = Peer(host)
    yield own
    own.send(Goodbye())
    own.events(0.05)
    own.close()


def write_a_bar(peer: Peer, number: int = 5) -> None:
    peer.send(Generate(replace(example_job(8), request_id=number), 5.0))
    wait_until(lambda: peer.hear(BarGenerated).request_id == number, "the bar")
    wait_until(lambda: peer.hear(GenerationFinished).request_id == number, "the end of the request")


def begin(peer: Peer, performance: str = "one") -> None:
    """As a guest does: ask until the engine is free, then for the model."""

    def is_welcome() -> bool:
        peer.greet(performance)
        return isinstance(peer.hear((Welcome, TurnedAway)), Welcome)

    wait_until(is_welcome, "a welcome")
    peer.send(LoadModel(ModelSettings(checkpoint=MODEL)))
    assert peer.hear(EngineReady).checkpoint.num_bars_map


def test_it_says_where_it_listens_and_who_can_reach_it(host):
    assert host.lines[0] == f"listening on 127.0.0.1:{host.port}: only programs on this machine can reach it"
    (connection,) = [
        each for each in psutil.Process(host.process.pid).net_connections("tcp") if each.status == "LISTEN"
    ]
    assert connection.laddr == ("127.0.0.1", host.port)


def test_a_paired_machine_has_bars_written(host, peer):
    begin(peer)
    peer.send(Prefill(example_job(8)))
    write_a_bar(peer)
    peer.send(Ping(3))
    assert peer.hear(Pong) == Pong(3)


def test_requests_of_two_performances_are_not_mistaken_for_each_other(host, peer):
    """A number that the first one cancelled is a number that the second one may use."""
    begin(peer)
    write_a_bar(peer, 7)
    peer.send(Cancel(7))
    peer.send(Goodbye())
    begin(peer, "two")
    write_a_bar(peer, 7)


def test_a_machine_that_is_not_paired_is_refused_before_it_can_say_anything(host):
    stranger = Peer(host, secret="")
    stranger.greet()
    assert zmq.EVENT_HANDSHAKE_FAILED_AUTH in stranger.events(1.0)
    assert not stranger.socket.poll(100)
    assert host.said("refused 127.0.0.1: not paired")
    stranger.close()


def test_a_machine_that_expects_another_engine_gets_no_connection(host):
    stranger = Peer(host, server=new_keys()[0])
    events = stranger.events(1.0)
    assert zmq.EVENT_HANDSHAKE_SUCCEEDED not in events
    stranger.close()


def test_a_machine_without_encryption_gets_no_connection(host):
    context = zmq.Context()
    plain = context.socket(zmq.DEALER)
    plain.linger = 0
    plain.connect(host.address)
    plain.send(encode(Ping(1)))
    assert not plain.poll(700)
    context.destroy(0)


def test_an_unpaired_machine_is_heard_no_more_even_on_an_open_connection(host):
    leaving = Peer(host)
    begin(leaving)
    name = next(guest.name for guest in host.store.guests() if guest.public == leaving.public)
    leaving.send(Goodbye())
    host.store.forget(name)
    leaving.send(Ping(1))
    assert not leaving.socket.poll(300)
    leaving.close()


def test_another_version_of_the_messages_is_one_clear_line(host, peer):
    peer.greet("versions", REMOTE_PROTOCOL + 1)
    assert "install the same version on both machines" in peer.hear(TurnedAway).reason
    host.wait_for("laptop was turned away: the engine's companion")


def test_a_second_performance_is_refused_with_a_line_and_served_when_the_first_has_gone(host, peer):
    begin(peer)
    second = Peer(host)
    second.greet("second")
    assert second.hear(TurnedAway).reason == "busy with laptop's performance; it serves one at a time"
    second.send(Ping(1))
    second.hear(Introduce)
    write_a_bar(peer)
    peer.send(Goodbye())
    begin(second, "second")
    write_a_bar(second)
    second.send(Goodbye())
    second.events(0.05)
    second.close()


def test_garbage_from_a_paired_machine_is_one_remark_and_the_music_goes_on(host, peer):
    begin(peer)
    chance = random.Random(1)
    said = len(host.lines)
    good = encode(Generate(example_job(8), 1.0))
    for _ in range(200):
        peer.send(chance.randbytes(chance.randrange(200)))
        damaged = bytearray(good)
        for _ in range(3):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        peer.send(bytes(damaged))
    peer.send(encode(End()))
    peer.send(b"")
    peer.socket.send_multipart([b"a", b"b", b"c"])
    peer.send(Generate(replace(example_job(8), targets=((9, 9),)), 1.0))
    write_a_bar(peer, 77)
    new = [line for line in host.lines[said:] if "has the engine" not in line]
    assert len(new) == 1, new
    assert "sent what is no message of ours (it is left out)" in new[0]
    assert host.engine().status() != psutil.STATUS_ZOMBIE


def test_a_message_that_is_too_large_costs_its_sender_the_connection_and_nobody_else(host, peer):
    large = Peer(host)
    begin(large, "large")
    large.events(0.05)
    large.send(b"x" * (MAX_MESSAGE_BYTES + 1))
    assert zmq.EVENT_DISCONNECTED in large.events(1.0)
    large.send(Ping(1))
    large.hear(Introduce)
    large.greet("large")
    large.hear(Welcome)
    large.send(Goodbye())
    large.events(0.05)
    large.close()
    begin(peer)
    write_a_bar(peer)


def test_a_checkpoint_that_is_not_here_is_one_line_and_no_file_is_opened(host, peer):
    begin(peer)
    for wanted in ("/etc/passwd", "../../secret", "no_such_model"):
        peer.send(LoadModel(ModelSettings(checkpoint=wanted)))
        assert "there is no checkpoint" in peer.hear(EngineLost).reason


def test_an_engine_that_is_killed_is_replaced_and_the_guest_is_told(host, peer):
    begin(peer)
    host.engine().kill()
    assert "died" in peer.hear(EngineLost).reason
    peer.hear(EngineReady)
    write_a_bar(peer)
    host.wait_for("the engine process ended with status -9")


def test_notes_come_while_the_bar_is_being_written(host, peer):
    begin(peer)
    for number in range(20, 40):
        peer.send(Generate(replace(example_job(8, seed=number), request_id=number), 5.0))
    assert peer.hear(NoteGenerated).request_id >= 20
    wait_until(lambda: peer.hear(GenerationFinished).request_id == 39, "the last request")


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_cleanly_and_leaves_no_process(tmp_path, by):
    host = HostProcess(tmp_path, MODEL)
    host.wait_for("yellow_mini is ready")
    engine = host.engine()
    peer = Peer(host)
    begin(peer)
    assert host.end(by) == 0
    assert host.lines[-1] == "ended"
    assert peer.hear(TurnedAway).reason == "the engine was ended"
    wait_until(lambda: not engine.is_running() or engine.status() == psutil.STATUS_ZOMBIE, "the engine's end")
    peer.close()


def test_an_address_that_is_taken_or_no_address_is_one_line(host, tmp_path):
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "companion", "engine", *arguments],
            env={**os.environ, "XDG_CONFIG_HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    taken = run("--listen", f"127.0.0.1:{host.port}", "--checkpoint", host.checkpoint)
    assert (taken.returncode, taken.stderr.count("\n")) == (1, 1)
    assert "cannot listen on" in taken.stderr
    for wrong in ("5577", "host", "host:", "host:0", "host:99999", ":5577"):
        outcome = run("--listen", wrong)
        assert (outcome.returncode, outcome.stderr.count("\n")) == (2, 1), outcome.stderr
    wrong = run("--pair", "nonsense")
    assert (wrong.returncode, wrong.stderr.count("\n")) == (2, 1)


def test_the_tokens_way_by_the_command_line(tmp_path):
    """What the two machines' users do: make a token, read it from a file."""

    def run(folder: Path, *arguments: str) -> str:
        command = [sys.executable, "-m", "companion", "engine", *arguments]
        environment = {**os.environ, "XDG_CONFIG_HOME": str(folder)}
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=60).stdout

    (tmp_path / "token.txt").write_text(run(tmp_path / "host", "--pair"))
    assert "a token that nobody has used" in run(tmp_path / "host", "--paired")
    assert "companion doctor --engine" in run(tmp_path / "guest", "--pair", str(tmp_path / "token.txt"))
