"""The remote engine between two hosts of a network: a laptop that plays, a host that writes, and a wire that fails.

Skipped with a reason where no network namespaces can be made.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("zmq")

from companion.errors import UsageError
from companion.inference.checkpoints.hub import shipped_checkpoint
from companion.runtime.players.demo import DemoOptions, launch_options
from companion.runtime.processes.live_performance import start
from companion.runtime.recording.records import EventReceived
from companion.runtime.remote_engine import guest
from companion.runtime.remote_engine.conversation import Arrived, News, Told
from companion.runtime.remote_engine.guest import Guest
from companion.runtime.remote_engine.pairing import GuestStore, HostStore
from companion.session.api.events import SizeLost
from companion.session.api.settings import ModelSettings
from tests.network.two_hosts import Namespace, Wire, missing
from tests.runtime.remote_engine.far_player import Player, end_and_check
from tests.runtime.remote_engine.remote_stage import HostProcess, wait_until

MODEL = "yellow_mini"
DESK, LAPTOP, PORT = "10.77.0.1", "10.77.0.2", 5577
HERE = ""  # where the stand-in writes
pytestmark = [
    pytest.mark.skipif(shipped_checkpoint(MODEL) is None, reason="no shipped checkpoint in this checkout"),
    pytest.mark.quiet,
]


@pytest.fixture(scope="module")
def desk() -> Iterator[Namespace]:
    if reason := missing():
        pytest.skip(f"no two hosts: {reason}")
    host = Namespace("desk", DESK, LAPTOP)
    yield host
    host.close()


@pytest.fixture(scope="module")
def laptop(desk: Namespace) -> Iterator[Namespace]:
    host = Namespace("laptop", LAPTOP, DESK)
    yield host
    host.close()


@pytest.fixture(scope="module")
def wire(desk: Namespace, laptop: Namespace) -> Iterator[Wire]:
    made = Wire(desk, laptop)
    made.delay_seconds, made.loss = 0.005, 0.01
    yield made
    made.close()


@pytest.fixture(scope="module")
def host(desk: Namespace, wire: Wire, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostProcess]:
    running = HostProcess(tmp_path_factory.mktemp("host"), MODEL, PORT, DESK, desk.entered)
    running.wait_for("is ready")
    yield running
    running.end()


@pytest.fixture
def player(host: HostProcess, laptop: Namespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Player]:
    """A performance of one part on the laptop, written by the host."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    host.pair(tmp_path)
    model = ModelSettings(checkpoint=MODEL, engine=host.address)
    with laptop.entered():
        performance = start(
            launch_options(DemoOptions(bars=0, bpm=120, tracks=1, model=model, record_dir=tmp_path, seed=1))
        )
    playing = Player(performance)
    playing.wait_for_writer(DESK)
    yield playing
    performance.stop()


def test_cut_unplugged_killed_and_back_each_time(player: Player, host: HostProcess, wire: Wire, laptop: Namespace):
    player.wait_for_bars(2)

    wire.is_cut = True
    player.wait_for_writer(HERE)
    wire.is_cut = False
    player.wait_for_writer(DESK)

    laptop.unplug()
    player.wait_for_writer(HERE)
    laptop.plug_in()
    player.wait_for_writer(DESK)

    host.end(signal.SIGKILL)
    player.wait_for_writer(HERE)
    host.restart()
    player.wait_for_writer(DESK)
    player.wait_for_bars(2)

    log = end_and_check(player)
    lost = [record.event for record in log.of_kind(EventReceived) if isinstance(record.event, SizeLost)]
    assert len(lost) >= 3
    assert player.performance.summary["bars_by_ladder_step"].keys() <= {"fresh", "older"}
    assert wire.lost


def first_news(laptop: Namespace, store: GuestStore, checkpoint: str = MODEL, port: int = PORT) -> News:
    """What a laptop with these keys hears first of a host."""
    with laptop.entered():
        asking = Guest(f"tcp://{DESK}:{port}", ModelSettings(checkpoint=checkpoint), store)
    found: list[News] = []

    def has_come() -> bool:
        found.extend(asking.poll())
        return bool(found)

    try:
        wait_until(has_come, "news of the host")
    finally:
        asking.close()
    return found[0]


def test_a_laptop_that_may_not_or_cannot_play_is_told_why(
    host: HostProcess, laptop: Namespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(guest, "FIRST_ANSWER_SECONDS", 0.5)
    with pytest.raises(UsageError, match="this machine is not paired"):
        first_news(laptop, GuestStore(tmp_path / "nobody"))

    stranger = HostStore(tmp_path / "stranger")
    store = GuestStore(tmp_path / "laptop")
    store.accept(stranger.new_token(time.time()))
    assert "has other keys than this machine was paired with" in text_of(first_news(laptop, store))

    store = host.pair(tmp_path / "paired")
    assert "cannot be reached: is it on" in text_of(first_news(laptop, store, port=PORT + 1))
    assert isinstance(first_news(laptop, store), Arrived)
    host.store.forget(host.store.guests()[-1].name)
    assert "this machine is not paired" in text_of(first_news(laptop, store))


def test_a_checkpoint_that_the_host_has_not_or_cannot_load_is_told_and_another_can_be_had(
    desk: Namespace, wire: Wire, laptop: Namespace, tmp_path: Path
):
    cut_short = tmp_path / "mine.pt"
    shipped = shipped_checkpoint(MODEL)
    assert shipped is not None
    cut_short.write_bytes(shipped.read_bytes()[:100_000])
    host = HostProcess(tmp_path / "host", str(cut_short), PORT + 2, DESK, desk.entered)
    try:
        store = host.pair(tmp_path / "laptop")
        host.wait_for("mine.pt: not a torch archive, or cut short")
        for wanted, said in (("mine", "or cut short"), ("prism", "there is no checkpoint 'prism'")):
            assert said in text_of(first_news(laptop, store, wanted, host.port))
        assert len([line for line in host.lines if "plays without this engine" in line]) == 2
        assert isinstance(first_news(laptop, store, MODEL, host.port), Arrived)
    finally:
        host.end()


def text_of(news: News) -> str:
    assert isinstance(news, Told), news
    return news.text
