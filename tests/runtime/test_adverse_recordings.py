"""Recordings where there is no MIDI driver, or no room left on the disk: the music goes on and the report is true."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from companion.midi.file import read_song
from companion.midi.messages import NoteOn
from companion.runtime.recording.recorder import read_log
from companion.runtime.recording.records import MessageSent

CHART = "configs/charts/blues.txt"


def practise(folder: Path, *, file_bytes: int = 0) -> tuple[dict[str, Any], str]:
    """One quick pass over two bars without any port; its report, and what it said. file_bytes: no file may become larger."""
    environment = {**os.environ, "JACK_DEFAULT_SERVER": "companion-nobody", "JACK_NO_START_SERVER": "1"}
    arguments = ["practice", CHART, "--loop", "1-2", "--passes", "1", "--tempo", "300%", "--headless", "--json"]

    def limit() -> None:
        if file_bytes:
            resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, file_bytes))

    done = subprocess.run(
        [sys.executable, "-m", "companion", *arguments, "--record", str(folder), "--seed", "3"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=200,
        preexec_fn=limit,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1]), done.stderr


@pytest.mark.skipif(Path("/dev/snd/seq").exists(), reason="this machine has a MIDI driver")
def test_without_any_midi_driver_the_file_has_what_was_played(tmp_path: Path) -> None:
    report, _ = practise(tmp_path)
    folder = Path(report["recording"])
    played = [
        sent
        for sent in read_log(folder / "log.jsonl").of_kind(MessageSent)
        if isinstance(sent.message, NoteOn) and sent.source >= 0
    ]
    score = read_song(folder / "performance.mid").score
    written = sum(len(bar.notes) for track in score.tracks for bar in track.bars)
    assert report["recorded_to_the_end"]
    assert written == len(played) > 0
    assert all(sent.left_seconds is None for sent in played), "nobody was there to take them"


def test_a_full_disk_is_said_and_the_report_is_true(tmp_path: Path) -> None:
    report, said = practise(tmp_path, file_bytes=45_000)
    assert "the recording has stopped" in said
    assert not report["recorded_to_the_end"]
    assert report["bars"] > 0
    assert report["notes_out"] > 0
    assert report["counters"]["notes_out"] == report["notes_out"]
    assert report["hanging_notes"] == 0
