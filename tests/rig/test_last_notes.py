"""Whatever dies, nothing that sounds is left sounding; the verdict is the observer's, who is no code of ours."""

from __future__ import annotations

import json
import os
import signal
import time

import psutil

from companion.midi.file import read_song
from tests.rig.harness import Observer, Rig, wait_until
from tests.rig.jam import PATIENCE_SECONDS, Jam, wait_gone
from tests.rig.test_deaths import playing_jam
from tests.rig.test_jam_over_jack import play_along


def written_notes(jam: Jam) -> int:
    """Notes in the recording's MIDI file."""
    score = read_song(jam.folder / "performance.mid").score
    return sum(len(bar.notes) for track in score.tracks for bar in track.bars)


def held_chord(observer: Observer) -> None:
    """Wait until something of ours sounds just now."""
    wait_until(observer.hanging, PATIENCE_SECONDS, "a note that sounds")


def seconds_until_silence(observer: Observer, patience: float = 12.0) -> float:
    begun = time.monotonic()
    wait_until(lambda: not observer.hanging(), patience, "note-offs")
    return time.monotonic() - begun


def test_the_realtime_process_is_killed(rig: Rig, observer: Observer) -> None:
    jam = playing_jam(rig, observer)
    others = list(jam.others().values())
    held_chord(observer)
    jam.others()["realtime"].kill()
    assert seconds_until_silence(observer) < 0.5
    assert jam.process.wait(30) == 1
    wait_gone(others)
    assert written_notes(jam) >= len(observer.note_ons())


def test_the_realtime_process_is_stopped_for_good(rig: Rig, observer: Observer) -> None:
    jam = playing_jam(rig, observer)
    others = list(jam.others().values())
    held_chord(observer)
    jam.others()["realtime"].suspend()
    assert seconds_until_silence(observer) < 5.0
    assert jam.process.wait(30) == 1
    wait_gone(others)
    assert "stopped answering" in (rig.folder / "jam.json").read_text()


def test_the_supervisor_is_killed_and_then_it_is_ended(rig: Rig, observer: Observer) -> None:
    jam = playing_jam(rig, observer)
    jam.others()["supervisor"].kill()
    time.sleep(0.3)  # not a wait for anything: the moment at which Ctrl-C comes is what is tried
    report = jam.end()
    wait_until(lambda: not observer.hanging(), what="note-offs")
    assert report["bars"] > 0
    assert report["notes_out"] >= len(observer.note_ons())
    assert report["hanging_notes"] == 0
    assert written_notes(jam) >= len(observer.note_ons())


def test_after_the_supervisor_was_killed_another_one_starts_an_engine_and_goes_on_recording(
    rig: Rig, observer: Observer
) -> None:
    jam = playing_jam(rig, observer)
    jam.others()["supervisor"].kill()
    wait_until(lambda: jam.log.read_text().count("is ready") >= 2, PATIENCE_SECONDS, "another engine")
    play_along(observer, len(observer.note_ons()) + 5)
    report = jam.end()
    wait_until(lambda: not observer.hanging(), what="note-offs")
    assert report["hanging_notes"] == report["faults"] == 0
    assert written_notes(jam) >= len(observer.note_ons())


def test_the_whole_group_is_asked_to_end(rig: Rig, observer: Observer) -> None:
    jam = playing_jam(rig, observer)
    held_chord(observer)
    everybody = [psutil.Process(jam.process.pid), *psutil.Process(jam.process.pid).children(recursive=True)]
    for process in everybody:
        os.kill(process.pid, signal.SIGTERM)
    assert seconds_until_silence(observer) < 2.0
    assert jam.process.wait(30) == 0
    wait_gone(everybody)
    report = json.loads(jam.output.read_text().splitlines()[-1])
    assert report["bars"] > 0
    assert report["hanging_notes"] == 0
    assert written_notes(jam) >= len(observer.note_ons())


def test_the_supervisor_alone_is_asked_to_end(rig: Rig, observer: Observer) -> None:
    jam = playing_jam(rig, observer)
    held_chord(observer)
    jam.others()["supervisor"].terminate()
    assert seconds_until_silence(observer) < 2.0
    assert jam.process.wait(30) == 0
    assert written_notes(jam) >= len(observer.note_ons())


def test_the_realtime_process_and_the_supervisor_are_killed_together(rig: Rig, observer: Observer) -> None:
    jam = playing_jam(rig, observer)
    time.sleep(1.2)  # the front knows connections that are a second old
    others = jam.others()
    held_chord(observer)
    for name in ("supervisor", "realtime"):
        others[name].kill()
    assert seconds_until_silence(observer) < 2.0, "the front is left"
    jam.process.wait(30)
    wait_gone(list(others.values()))
    assert written_notes(jam) > 0
