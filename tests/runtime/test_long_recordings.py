"""A recording whose MIDI file takes long to write is waited for as long as it makes progress."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from companion.midi.file import read_song
from companion.midi.messages import ClockTick, NoteOff, NoteOn
from companion.runtime.players.demo import DemoOptions, launch_options
from companion.runtime.processes import live_performance
from companion.runtime.recording.log_lines import line_of
from companion.runtime.recording.records import MidiArrived

PATIENCE_SECONDS = 1.5
# So much takes about twice the patience on a fast and idle machine, and longer elsewhere.
MINUTES = 240


def hours_of_music(begin: float) -> tuple[bytes, int]:
    """Lines of a log in which somebody plays quarters at 120 BPM to a clock, and how many notes that are."""
    tick = line_of(MidiArrived(0.0, "clock", ClockTick())).split(b",", 2)[2]
    lines, notes = [], 0
    for beat in range(MINUTES * 120):
        at = begin + beat / 2
        lines += [b'["m",%.4f,%s' % (at + count / 48, tick) for count in range(24)]
        lines += [
            line_of(MidiArrived(at, "keys", NoteOn(0, 60, 80))),
            line_of(MidiArrived(at + 0.4, "keys", NoteOff(0, 60))),
        ]
        notes += 1
    return b"\n".join(lines) + b"\n", notes


def test_hours_become_a_file_though_that_takes_longer_than_a_silent_process_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_performance, "STOP_SECONDS", PATIENCE_SECONDS)
    performance = live_performance.start(launch_options(DemoOptions(bars=0, record_dir=tmp_path, seed=1)))
    assert performance.recording is not None
    log = performance.recording / "log.jsonl"
    deadline = time.monotonic() + 60
    while not log.exists() or log.stat().st_size < 100:
        assert time.monotonic() < deadline, "the log was not begun"
        time.sleep(0.05)
    lines, notes = hours_of_music(time.monotonic())
    with log.open("ab") as file:
        file.write(lines)
    begun = time.monotonic()
    performance.stop()
    assert time.monotonic() - begun > PATIENCE_SECONDS, "it took as long as this test is about"
    score = read_song(performance.recording / "performance.mid").score
    assert sum(len(bar.notes) for track in score.tracks for bar in track.bars) >= notes
