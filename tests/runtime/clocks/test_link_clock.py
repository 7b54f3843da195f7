"""Ableton Link between two programs on this machine. Another program's beats are compared with what our session believes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from companion.errors import UsageError
from companion.runtime.clocks.shared_clock import FollowedClock
from companion.session.api.effects import AskClock
from companion.session.api.events import MidiReceived
from companion.session.api.settings import ClockSettings, SessionSettings, TrackSettings
from companion.session.session import Session

pytest.importorskip("aalink")
fcntl = pytest.importorskip("fcntl")
pytestmark = pytest.mark.quiet

MEET_SECONDS = 10.0
FOLLOWED_SECONDS = 6.0

# Another program: prints (monotonic seconds, beat, tempo, playing, peers) as it sees them, and starts everybody when told.
PEER = """
import asyncio, json, sys, threading, time
from aalink import Link

async def main():
    link = Link(float(sys.argv[1]))
    link.quantum = 4
    link.start_stop_sync_enabled = True
    link.enabled = True
    def hear():
        for line in sys.stdin:
            name, value = line.split()
            setattr(link, name, float(value) if name == "tempo" else bool(int(value)))
    threading.Thread(target=hear, daemon=True).start()
    while True:
        print(json.dumps([time.monotonic(), link.beat, link.tempo, link.playing, link.num_peers]), flush=True)
        await asyncio.sleep(0.05)

asyncio.run(main())
"""


class Peer:
    """The other program."""

    def __init__(self, bpm: float) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", PEER, str(bpm)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def says(self) -> tuple[float, float, float, bool, int]:
        assert self._process.stdout is not None
        return tuple(json.loads(self._process.stdout.readline()))

    def told(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def close(self) -> None:
        self._process.kill()
        self._process.wait()


@pytest.fixture
def peer() -> Iterator[Peer]:
    """The other program, with the network to ourselves: two test runs at once would be one Link session."""
    with (Path(tempfile.gettempdir()) / f"companion-link-{os.getuid()}.lock").open("w") as place:
        fcntl.flock(place, fcntl.LOCK_EX)
        other = Peer(132.0)
        yield other
        other.close()


class Follower:
    """A session that follows Link as the realtime process does."""

    def __init__(self) -> None:
        self.remarks: list[str] = []
        self.clock = FollowedClock(self.remarks.append)
        self.session = Session(
            SessionSettings(tracks=(TrackSettings("you", "human"),), clock=ClockSettings("link", 100.0)),
            time.monotonic(),
        )

    def turn(self, seconds: float) -> None:
        """Run for so long."""
        end = time.monotonic() + seconds
        while (now := time.monotonic()) < end:
            self.clock.follow(*self.session.clock_source, now)
            for at, port, message in self.clock.poll(now):
                self.session.receive(MidiReceived(port, message), at)
            self.session.handle_timer(now)
            for effect in self.session.effects():
                if isinstance(effect, AskClock):
                    self.clock.ask(effect)
            time.sleep(0.001)


def wait_for_company(follower: Follower, peer: Peer) -> None:
    deadline = time.monotonic() + MEET_SECONDS
    while time.monotonic() < deadline:
        follower.turn(0.05)
        if peer.says()[4]:
            return
    pytest.skip("Link's multicast does not reach this machine itself")


def test_a_session_is_within_two_milliseconds_of_another_program(peer: Peer) -> None:
    follower = Follower()
    wait_for_company(follower, peer)
    peer.told("tempo 132")  # whoever else is on this network
    peer.told("playing 1")
    follower.turn(2.5)
    assert follower.session.running, follower.remarks
    errors = []
    end = time.monotonic() + FOLLOWED_SECONDS
    while time.monotonic() < end:
        follower.turn(0.05)
        seconds, beat, bpm, _, _ = peer.says()
        ours = follower.session.clock.position_at(seconds)
        difference = (ours - beat + 2) % 4 - 2  # we count from the bar line where the music began
        errors.append(abs(difference) * 60 / bpm)
    errors.sort()
    # A reading of the other program that the system interrupts says nothing about us, so the largest few are left out.
    assert errors[int(0.9 * len(errors))] < 0.002, errors
    assert follower.session.clock.bpm == pytest.approx(132.0, abs=0.2)
    follower.clock.close()


def test_our_start_tempo_and_stop_are_everybodys(peer: Peer) -> None:
    from companion.session.api.transport_commands import SetTempo, Toggle

    follower = Follower()
    wait_for_company(follower, peer)
    follower.session.receive(SetTempo(96.0), time.monotonic())
    follower.session.receive(Toggle(), time.monotonic())
    follower.turn(3.2)
    while peer.says()[0] < time.monotonic() - 0.1:
        pass
    _, _, bpm, playing, _ = peer.says()
    assert (round(bpm, 2), playing) == (96.0, True)
    assert follower.session.running
    follower.session.receive(Toggle(), time.monotonic())
    follower.turn(0.5)
    while peer.says()[0] < time.monotonic() - 0.1:
        pass
    assert not peer.says()[3]
    assert not follower.session.running
    follower.clock.close()


def test_without_the_library_one_line_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    from companion.runtime.clocks.link_clock import LinkClock

    monkeypatch.setitem(sys.modules, "aalink", None)
    with pytest.raises(UsageError, match=r"pip install 'companion\[link\]'"):
        LinkClock(120.0, 4.0)
