"""Screens on a running performance, over real sockets and, where it matters, from real processes."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import platformdirs
import pytest

from companion.cli.playing.attach_command import AttachedLauncher, farewell, listing
from companion.errors import CompanionError
from companion.runtime.attach.performance import AttachedPerformance, attach
from companion.runtime.attach.server import MAX_SCREENS, MAX_WAITING_BYTES, ScreenServer
from companion.runtime.attach.sockets import listen, running, screens_dir
from companion.runtime.front.performance import LaunchOptions
from companion.runtime.ipc.protocol import KeyPlayed, Performing, PresentSettings
from companion.runtime.remote.led import LedPerformance
from companion.runtime.remote.shared import SharedPerformance
from companion.session.api.commands import command
from companion.session.api.effects import Notice, SnapshotsChanged
from companion.session.api.settings import SessionSettings
from companion.tui.app import CompanionApp
from companion.tui.pickers.name import ConfirmScreen
from tests.tui.scripted import ScriptedPerformance, snapshot_at
from tests.tui.test_app import until

SETTINGS = SessionSettings(tracks=())


@pytest.fixture(autouse=True)
def own_runtime_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))


@pytest.fixture
def performance() -> ScriptedPerformance:
    return ScriptedPerformance(lambda seconds: snapshot_at(9.1, now_seconds=seconds))


@pytest.fixture
def shared(performance: ScriptedPerformance) -> SharedPerformance:
    return SharedPerformance(performance)


@pytest.fixture
def server(shared: SharedPerformance) -> Iterator[ScreenServer]:
    made = ScreenServer(shared.observe(), Performing(os.getpid(), "evening", SETTINGS), *listen())
    made.start()
    yield made
    made.close()


def test_a_folder_in_tmp_that_is_not_ours_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a runtime directory, a folder of a known name in /tmp is used; anybody can have made it before us."""

    def refuse(name: str) -> Path:
        raise PermissionError("runtime directory /tmp/runtime-1000 is a symlink; set XDG_RUNTIME_DIR instead")

    monkeypatch.setattr(platformdirs, "user_runtime_path", refuse)
    for ask in (listen, running):
        with pytest.raises(CompanionError, match=r"no folder for screens: .* set XDG_RUNTIME_DIR instead"):
            ask()


def here() -> AttachedPerformance:
    """A screen attached to the performance of this process."""
    return attach(running()[os.getpid()])


def wait_for(condition: Callable[[], object], seconds: float = 60.0) -> None:
    """Wait for what another thread or process does."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "this never came about"
        time.sleep(0.005)


def raw(data: bytes = b"") -> socket.socket:
    """A connection that is no screen's."""
    end = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    end.connect(str(running()[os.getpid()]))
    if data:
        end.sendall(data)
    return end


def follower(*arguments: str) -> subprocess.Popen[str]:
    """An attached screen in a process of its own."""
    command_line = [sys.executable, "-m", "companion", "attach", "--headless", *arguments]
    return subprocess.Popen(command_line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


# --- what screens see and do -------------------------------------------------------------------------------------------


def test_several_screens_see_everything_and_all_of_them_command(server, performance) -> None:
    first, second = here(), here()
    wait_for(lambda: first.snapshot() and second.snapshot())
    performance.happened = [Notice("warning", "port lost")]
    heard: list = []
    wait_for(lambda: heard.extend(first.events()) or heard)
    wait_for(lambda: heard.extend(second.events()) or len(heard) == 2)
    assert heard == [Notice("warning", "port lost")] * 2
    first.send(command("mute", track=1, on=True))
    second.send(command("panic"))
    wait_for(lambda: len(performance.sent) == 2)
    assert {wish.command_name for wish in performance.sent} == {"mute", "panic"}
    assert first.options.title == "evening"
    assert first.options.settings == SETTINGS


def test_a_screen_that_attaches_later_is_told_what_has_been_set_and_stored_meanwhile(server, performance) -> None:
    present = PresentSettings(SessionSettings(tracks=(), wait_bars=3))
    stored = SnapshotsChanged({"verse": SETTINGS})
    performance.happened = [PresentSettings(SETTINGS), Notice("info", "long ago"), stored, present]
    wait_for(lambda: not performance.happened)
    late = here()
    heard: list = []
    wait_for(lambda: heard.extend(late.events()) or len(heard) >= 2)
    assert heard == [present, stored]


def test_keys_ports_and_their_list_go_through(server, performance) -> None:
    screen = here()
    now = time.monotonic()
    screen.play_key(b"\x90\x3c\x40", now)
    screen.choose_port("out", "FluidSynth")
    wait_for(lambda: performance.keys_played == [(now, b"\x90\x3c\x40")])
    wait_for(lambda: performance.chosen_ports == [("out", "FluidSynth")])
    wait_for(lambda: screen.list_ports().inputs == ("KeyStep 37", "Launchpad"))


@pytest.mark.parametrize(
    "data",
    [b"", b"\x90", b"\xf8\x00\x00", b"\x90\xff\x40", b"\x90\x3c\x40" * 1000],
    ids=["nothing", "a byte", "a clock tick", "no data byte", "a thousand"],
)
def test_what_is_no_key_is_not_played(server, performance, data: bytes) -> None:
    screen = here()
    screen._link.send(KeyPlayed(data, time.monotonic()))
    screen._link.send(KeyPlayed(b"\x90\x3c\x40", time.monotonic() - 60))
    screen.send(command("panic"))
    wait_for(lambda: performance.sent)
    assert performance.keys_played == []


def test_detaching_leaves_the_performance_alone(server, performance) -> None:
    screen = here()
    screen.send(command("tap"))
    screen.stop()
    wait_for(lambda: performance.sent == [command("tap")])
    assert not performance.stopped
    assert farewell(screen) == "detached; the performance goes on"


# --- the socket --------------------------------------------------------------------------------------------------------


def test_only_the_user_can_reach_the_socket(server) -> None:
    path = running()[os.getpid()]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_folder_that_others_can_change_is_refused(tmp_path: Path) -> None:
    (tmp_path / "companion").mkdir()
    (tmp_path / "companion").chmod(0o777)
    with pytest.raises(CompanionError, match="does not belong to you alone"):
        listen()


def test_what_a_dead_process_left_is_removed_and_what_lives_stays(server) -> None:
    stale = screens_dir() / "1.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as dead:
        dead.bind(str(stale))
    (screens_dir() / "notes.txt").touch()
    assert list(running()) == [os.getpid()]
    assert not stale.exists()
    server.close()
    assert running() == {}
    assert [path.name for path in screens_dir().iterdir()] == ["notes.txt"]


def test_the_list_names_each_performance_and_one_that_does_not_answer(server, monkeypatch) -> None:
    monkeypatch.setattr("companion.runtime.attach.performance.WELCOME_SECONDS", 0.2)
    silent = screens_dir() / "7.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as frozen:
        frozen.bind(str(silent))
        frozen.listen()
        lines = listing(running())
    assert any("evening" in line for line in lines)
    assert any("performance 7 does not answer" in line for line in lines)


def test_music_does_not_need_the_socket(tmp_path: Path, performance, monkeypatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / ("x" * 120)))
    led = LedPerformance(lambda: performance)
    (remark,) = led.events()
    assert "no further screen can attach" in remark.text
    led.send(command("tap"))
    assert performance.sent == [command("tap")]


# --- screens that misbehave --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [b"GET / HTTP/1.1\r\n\r\n", b"\x00\x00\x00\x05hello", b"\x00\x00\x00\x04End\x00", b"\xff" * 5000],
    ids=["a browser", "no message", "not for a screen to send", "noise"],
)
def test_garbage_is_one_remark_and_the_others_go_on(server, shared, performance, data: bytes) -> None:
    screen = here()
    for _ in range(3):
        raw(data)
    wait_for(lambda: server.refused == 3)
    remarks = [event.text for event in shared.events()]
    assert remarks == ["an attached screen sent what no screen sends, and was detached"]
    screen.send(command("tap"))
    wait_for(lambda: performance.sent == [command("tap")])


def test_a_screen_that_sends_more_than_a_player_can_is_detached(server, shared, performance) -> None:
    screen = here()
    for _ in range(2000):
        screen.send(command("tap"))
    wait_for(lambda: server.refused == 1)
    assert len(performance.sent) < 600
    wait_for(lambda: not screen.alive())


def test_more_screens_than_there_may_be_are_told_so(server) -> None:
    screens = [here() for _ in range(MAX_SCREENS)]
    with pytest.raises(CompanionError, match=f"there are {MAX_SCREENS} screens already"):
        here()
    screens[0].stop()
    wait_for(lambda: server.attached < MAX_SCREENS)
    assert here().alive()


def test_a_screen_that_does_not_read_holds_nobody_up(server, performance) -> None:
    asleep = raw()
    awake = here()
    seen = set()
    most_waiting = [0]

    def play_on() -> bool:
        """Tell all screens more than a socket's buffer holds; whether the one that reads has seen enough since the other is full."""
        performance.happened = [Notice("info", "x" * 2000)] * 20
        most_waiting.append(max(screen.link.pending_bytes for screen in server._screens))
        awake.events()
        if (snapshot := awake.snapshot()) is not None and max(most_waiting) > MAX_WAITING_BYTES - 3000:
            seen.add(snapshot.now_seconds)
        return len(seen) > 15

    wait_for(play_on)
    assert max(most_waiting) <= MAX_WAITING_BYTES
    asleep.close()


def test_a_killed_and_a_stopped_screen_hold_nobody_up(server, performance) -> None:
    killed, stopped = follower(), follower()
    try:
        for process in (killed, stopped):
            assert process.stdout is not None
            assert "bar 5.3" in process.stdout.readline()
        stopped.send_signal(signal.SIGSTOP)
        killed.kill()
        wait_for(lambda: server.attached == 1)
        screen = here()
        screen.send(command("tap"))
        wait_for(lambda: performance.sent == [command("tap")])
        begun = time.monotonic()
        server.close()
        assert time.monotonic() - begun < 2.0, "the end does not wait for it either"
        stopped.send_signal(signal.SIGCONT)
        assert stopped.communicate(timeout=60)[0].endswith("the performance has ended\n")
        assert stopped.returncode == 0
    finally:
        for process in (killed, stopped):
            process.kill()
            process.communicate()


# --- the end -----------------------------------------------------------------------------------------------------------


def test_the_end_and_its_reason_are_told(performance) -> None:
    class Lost(ScriptedPerformance):
        ended = "the MIDI driver died"
        options = LaunchOptions(SETTINGS)

    led = LedPerformance(lambda: Lost(performance.picture))
    screen = here()
    led.stop()
    wait_for(lambda: not screen.alive())
    assert Notice("error", "the MIDI driver died") in screen.events()
    assert farewell(screen) == "the performance has ended: the MIDI driver died"
    assert running() == {}


def test_a_follower_ends_with_the_performance_and_its_status_is_0(server) -> None:
    process = follower("--pid", str(os.getpid()))
    assert process.stdout is not None
    assert "bar 5.3" in process.stdout.readline()
    server.close()
    out, _ = process.communicate(timeout=60)
    assert out == "the performance has ended\n"
    assert process.returncode == 0


def test_ctrl_c_only_detaches_a_follower(server) -> None:
    process = follower()
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=60)[0] == "detached; the performance goes on\n"
    assert process.returncode == 0


def test_nothing_to_attach_to_is_one_line() -> None:
    process = follower()
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert errors == "companion: no performance is running; start one with companion jam, practice or demo\n"


async def test_q_on_an_attached_screen_detaches(server, performance) -> None:
    app = CompanionApp(AttachedLauncher(here()))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.picture is not None)
        await pilot.press("p")
        await until(pilot, lambda: performance.sent == [command("panic")])
        await pilot.press("q")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await pilot.press("y")
        await until(pilot, lambda: app.return_value == 0)
    app.feed.stop()
    assert not performance.stopped


async def test_an_attached_screen_ends_with_the_performance(server) -> None:
    launcher = AttachedLauncher(here(), "stage")
    app = CompanionApp(launcher)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.picture is not None)
        assert app.stage.stage_view
        server.close()
        await until(pilot, lambda: app.return_value == 0)
    app.feed.stop()
    assert farewell(launcher.performance) == "the performance has ended"


async def test_a_preset_is_loaded_from_an_attached_screen_too(server, performance) -> None:
    app = CompanionApp(AttachedLauncher(here()))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.picture is not None)
        app.load_preset("trio")
        await until(pilot, lambda: [wish.command_name for wish in performance.sent] == ["load_settings"])
    app.feed.stop()
    assert not performance.stopped
