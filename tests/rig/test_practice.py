"""Practising over real ports: a song that follows an independent clock, and a player who is judged."""

from __future__ import annotations

import os
import statistics
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from companion.midi.file import write_midi
from companion.music import Bar, Note, Score, Track
from tests.rig.harness import PERIOD, SAMPLE_RATE, Observer, Rig, wait_until
from tests.rig.jam import PATIENCE_SECONDS, Jam
from tests.rig.test_jam_over_jack import OUR_INPUT, OUR_OUTPUT, connect_all, start_klick

MELODY = (60, 62, 64, 65, 67, 69, 71, 72)  # quarters, two bars
BASS = (36, 38, 40, 41, 43, 45, 47, 48)
PASSES = 3


def write_song(path: Path) -> None:
    """Two bars of quarters: a melody for the player and a bass as backing, each note still sounding at the next."""

    def track(pitches: tuple[int, ...], program: int, name: str, channel: int) -> Track:
        bars = tuple(
            Bar(tuple(Note(480 * beat, 480, pitch, 90) for beat, pitch in enumerate(pitches[at : at + 4])))
            for at in (0, 4)
        )
        return Track(bars, program, False, name, channel)

    write_midi(Score((track(MELODY, 73, "Lead", 0), track(BASS, 33, "Low", 1))), path)


def start_practice(rig: Rig, *arguments: str) -> Jam:
    """Start, and wait until the session has begun."""
    song, output, recordings = rig.folder / "song.mid", rig.folder / "out.json", rig.folder / "recordings"
    write_song(song)
    rig.environment["PYTHONPATH"] = os.getcwd()
    command = [
        sys.executable,
        "-m",
        "companion",
        "practice",
        str(song),
        "--headless",
        "--json",
        "--record",
        str(recordings),
    ]
    process = rig.start(*command, *arguments, output=output)
    wait_until(lambda: recordings.is_dir() and any(recordings.glob("*/log.jsonl")), PATIENCE_SECONDS, "the log")
    return Jam(process, output, recordings)


def ticks(observer: Observer) -> list[int]:
    """Frames of the master's ticks."""
    return [item.frame for item in list(observer.heard["clock"]) if item.data[0] == 0xF8]


def test_the_song_follows_an_independent_clock_and_judges_the_player(rig: Rig, observer: Observer) -> None:
    start_klick(rig, "2 4/4 120\n100 4/4 110\n")
    options = (
        "--clock",
        "external",
        "--in",
        "midi_clock",
        "--me",
        "Lead",
        "--loop",
        "1-2",
        "--report",
        str(rig.folder / "r"),
    )
    practice = start_practice(rig, *options)
    wait_until(lambda: {OUR_INPUT, OUR_OUTPUT} <= set(rig.ports()), PATIENCE_SECONDS, "our ports")
    connect_all(rig)
    rig.run("jack_transport", text="locate 0\nplay\n")
    played = 0

    def enough() -> bool:
        nonlocal played
        if (len(ticks(observer)) - 1) // 24 >= played and ticks(observer):
            observer.play(bytes((0x80, MELODY[played % 8 - 1], 0)), bytes((0x90, MELODY[played % 8], 90)))
            played += 1
        return played > 8 * PASSES + 1

    wait_until(enough, PATIENCE_SECONDS, "three passes")
    rig.run("jack_transport", text="stop\n")
    wait_until(lambda: not observer.hanging(), what="note-offs after Stop")
    report = practice.end()

    bass = observer.note_ons()
    assert [note.data[1] for note in bass[: 8 * PASSES]] == list(BASS) * PASSES, (
        "nothing doubled, nothing left out at the seams"
    )
    beats = ticks(observer)[::24]
    errors = [(note.frame - beat) * 1000 / SAMPLE_RATE for note, beat in zip(bass, beats, strict=False)]
    assert statistics.median(abs(error) for error in errors) < 2 * PERIOD * 1000 / SAMPLE_RATE + 2, errors
    assert report["hanging_notes"] == report["faults"] == 0
    passes = report["practice"]["passes"]
    # our player is a program that plays when it has heard of a tick: on a crowded machine now and then so late that its note
    # is another one for whoever listens, which makes one missed and one extra of it, but never a wrong one
    assert all(each["right"] + each["missed"] == 8 and each["wrong"] == 0 for each in passes[:PASSES]), passes
    missed, extra = (sum(each[name] for each in passes[:PASSES]) for name in ("missed", "extra"))
    assert extra <= missed <= PASSES, passes
    assert all(0 <= each["mean_offset_ms"] < 80 for each in passes[:PASSES]), "it plays when it has heard the tick"
    assert (rig.folder / "r" / "report.json").is_file()


def test_our_own_clock_plays_the_song_once_at_the_tempo_asked_for(rig: Rig, observer: Observer) -> None:
    practice = start_practice(rig, "--tempo", "150%", "--count-in", "0", "--me", "Lead", "--guide")
    rig.connect(OUR_OUTPUT, "observer:notes")
    assert practice.process.wait(PATIENCE_SECONDS) == 0, "it ends with the song"
    wait_until(lambda: not observer.hanging(), what="the last note-off")
    low = [note for note in observer.note_ons() if note.data[0] & 0x0F == 1]
    gaps = [(after.frame - before.frame) * 1000 / SAMPLE_RATE for before, after in pairwise(low)]
    assert statistics.median(gaps) == pytest.approx(1000 / 3, abs=15)
