"""Sound on a device: times, losses and what the process says. The device is miniaudio's null device, which exists everywhere."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import numpy as np
import pytest

from companion.errors import SoundError
from companion.runtime.processes.sound_keeper import SoundKeeper
from companion.sound.players.device import NULL, DevicePlayer, Stream
from companion.sound.players.player import LATENCY_SECONDS
from companion.sound.players.schedule import FrameClock, Queue
from companion.sound.players.soundfonts import find_soundfont
from companion.sound.process import parse_health, process_command
from companion.sound.settings import SoundChoice
from companion.sound.synth.bank import DRUMS, ToneBank
from companion.sound.wire import Due, SoundSender, receive, sound_pair

RATE = 48_000
PERIOD = 384


def _uneven_requests(seconds: float, fast: float = 1.0) -> list[tuple[int, float]]:
    """(first frame, moment) of a device's requests: in bursts up to 6 ms late, its crystal `fast`."""
    late = np.random.default_rng(3).uniform(0, 0.006, int(seconds * RATE / PERIOD))
    return [(PERIOD * number, 100 + PERIOD * number / RATE / fast + late[number]) for number in range(len(late))]


@pytest.mark.parametrize("fast", [1.0, 1.0003])
def test_uneven_requests_do_not_move_notes(fast: float) -> None:
    """Times become frames at a constant distance, though requests jitter and the device's clock is off by 0.03 %."""
    clock = FrameClock(RATE)
    errors = []
    for frame, now in _uneven_requests(20.0, fast):
        clock.asked(frame, now)
        if now > 105:
            errors.append(clock.frame_at(now + 0.02) / RATE / fast - (now + 0.02 - 100))
    assert max(errors) - min(errors) < 0.0015


def test_a_stream_that_stood_still_begins_anew() -> None:
    clock = FrameClock(RATE)
    clock.asked(0, 10.0)
    clock.asked(PERIOD, 10.008)
    clock.asked(2 * PERIOD, 10.5)
    assert clock.gaps == 1
    assert clock.frame_at(10.5) == 2 * PERIOD


def test_a_message_sounds_a_constant_time_after_it_is_due() -> None:
    """Frames of a stream that is asked by hand; the message comes 12 ms after it was due and is in time all the same."""
    clock = FrameClock(RATE)
    queue = Queue(clock, LATENCY_SECONDS)
    clock.asked(0, 5.0)
    queue.add([Due(5.010, 0x99, 38, 100), Due(5.004, 0x99, 36, 100)])
    found = [(first + offset, key) for first in range(0, 2048, 256) for offset, _, key, _ in queue.events(first, 256)]
    assert found == [(round(0.024 * RATE), 36), (round(0.030 * RATE), 38)]
    queue.add([Due(5.0, 0x99, 40, 100)])
    assert queue.events(2048, 256) == [(0, 0x99, 40, 100)]
    assert queue.late == 1


def test_a_stream_gives_any_number_of_frames_without_a_seam() -> None:
    """A device asks for what it likes: in odd portions the same frames come as in even ones."""
    portions, whole = Stream(RATE, ToneBank(), 1.0), Stream(RATE, ToneBank(), 1.0)
    for stream in (portions, whole):
        stream.incoming.append(Due(0.0, 0x90, 60, 100))
    odd = np.concatenate([portions.supply(frames) for frames in (100, 333, 1, 256, 700, 658)])
    assert np.array_equal(odd, whole.supply(2048))
    assert np.abs(odd).max() > 0.001


def test_a_device_is_played_and_let_go() -> None:
    player = DevicePlayer(NULL)
    try:
        assert player.wait_until_open(10)
        player.play([Due(time.monotonic(), 0x90, 60, 100)])
        health = player.health()
        assert (health.device, health.rate, health.trouble) == ("Null", RATE, "")
        assert 20 <= health.latency_ms < 30
    finally:
        player.close()


def test_a_lost_device_is_opened_again_and_told_what_it_missed() -> None:
    player = DevicePlayer(NULL)
    try:
        assert player.wait_until_open(10)
        player.play([Due(time.monotonic(), 0xC0, 48, 0), Due(time.monotonic(), 0xB0, 7, 90)])
        before, lost = player._stream, player._device
        player._opened.clear()
        assert before is not None
        assert lost is not None
        lost.stop()  # asks for nothing any more
        assert player.wait_until_open(10)
        assert player._stream is not before
        assert [message.status for message in player._before] == [0xC0, 0xB0]
    finally:
        player.close()


def test_a_device_that_does_not_exist_is_trouble_and_no_more() -> None:
    player = DevicePlayer("no such device here")
    try:
        player.play([Due(time.monotonic(), 0x90, 60, 100)])
        assert not player.wait_until_open(0.5)
        assert player.health().device == ""
    finally:
        player.close()


def test_the_live_bank_takes_a_near_tone_until_the_right_one_is_made() -> None:
    bank = ToneBank(waits=False)
    assert bank.find(0, 60) is None
    bank._make((0, 60))
    near = bank.find(0, 71)
    assert near is not None
    assert near.root_hertz == pytest.approx(261.6, abs=1)
    assert (0, 72) in bank._wanted
    assert bank.find(DRUMS, 36) is None


def test_messages_cross_the_wire_and_a_full_wire_drops() -> None:
    sender_end, receiver = sound_pair()
    sender = SoundSender(sender_end)
    receiver.setblocking(False)
    assert sender.send(bytes((0x93, 60, 100)), 1.25)
    assert sender.send(bytes((0xC1, 5)), 1.5)
    assert sender.send(b"\xf8", 1.5)
    assert receive(receiver) == [Due(1.25, 0x93, 60, 100), Due(1.5, 0xC1, 5, 0)]
    while sender.send(bytes((0x90, 60, 100)), 2.0):
        pass
    assert sender.dropped == 1
    receiver.close()
    assert not sender.send(bytes((0x90, 60, 100)), 2.0)
    sender.close()


def test_the_process_reports_and_ends_with_its_parent() -> None:
    sender_end, receiver = sound_pair()
    command = process_command(receiver.fileno(), SoundChoice("builtin", device=NULL))
    process = subprocess.Popen(command, pass_fds=[receiver.fileno()], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        SoundSender(sender_end).send(bytes((0x90, 60, 100)), time.monotonic())
        reports = [parse_health(process.stdout.readline()) for _ in range(2)]
        assert all(report is not None and report.synthesizer == "builtin" for report in reports)
        assert reports[-1] is not None
        assert reports[-1].device == "Null"
        process.stdin.close()
        assert process.wait(10) == 0
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_soundfonts_are_found_by_name_and_by_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COMPANION_SOUNDFONT", raising=False)
    with pytest.raises(SoundError, match="--soundfont"):
        find_soundfont(places=[tmp_path])
    (tmp_path / "small.sf2").touch()
    assert find_soundfont(places=[tmp_path / "none", tmp_path]).name == "small.sf2"
    (tmp_path / "default-GM.sf2").touch()
    assert find_soundfont(places=[tmp_path]).name == "default-GM.sf2"
    with pytest.raises(SoundError, match="no such soundfont"):
        find_soundfont(str(tmp_path / "absent.sf2"))


@pytest.mark.parametrize(
    ("choice", "named", "wanted"),
    [("auto", "", True), ("auto", "IAC", False), ("auto", "none", False), ("on", "IAC", True), ("off", "", False)],
)
def test_auto_is_on_where_no_output_was_named(choice: str, named: str, wanted: bool) -> None:
    assert SoundChoice(choice).wanted(named) is wanted  # type: ignore[arg-type]


def test_a_sound_process_that_dies_is_started_again_and_said_once() -> None:
    """The player reads one line when sound begins, one when it is lost, and one when it is back."""
    sender_end, receiver = sound_pair()
    keeper = SoundKeeper(SoundChoice("builtin", device=NULL), receiver)
    said: list[str] = []

    def look_until(text: str) -> None:
        end = time.monotonic() + 20
        while not any(text in line for line in said):
            assert time.monotonic() < end, said
            said.extend(notice.text for notice in keeper.look())
            time.sleep(0.01)

    try:
        look_until("sound: builtin on Null")
        first = keeper._process
        assert first is not None
        first.kill()
        look_until("started again")
        said.clear()
        look_until("sound: builtin on Null")
        assert keeper._process is not first
        assert SoundSender(sender_end).send(bytes((0x90, 60, 100)), time.monotonic())
    finally:
        keeper.close()
        receiver.close()
        sender_end.close()
