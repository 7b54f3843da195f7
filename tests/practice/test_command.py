"""`companion practice` as typed: what it lists, what it refuses, and in how many lines."""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from companion.cli.main import run as run_cli
from companion.cli.playing.practice_command import add_parser, settings_from_args
from tests.practice.test_song_file import notes, save


def parsed(*argv):
    parser = argparse.ArgumentParser()
    add_parser(parser.add_subparsers(dest="command"))
    return parser.parse_args(["practice", *map(str, argv)])


@pytest.fixture
def song(tmp_path):
    return save(tmp_path / "tune.mid", list(notes(0, 32)), list(notes(1, 32, pitch=40)))


def test_a_song_with_everything_asked_for(song):
    options = (
        "--me",
        "1",
        "--fill",
        "2",
        "--fill",
        "Pad:warm pad",
        "--tempo",
        "80%",
        "--loop",
        "2-4",
        "--trainer",
        "70:110:+4",
    )
    settings = settings_from_args(
        parsed(song, *options, "--needs", "90%", "--count-in", "2", "--clock", "external", "--seed", "3")
    )
    assert [track.role for track in settings.tracks] == ["human", "silent", "companion", "companion"]
    assert settings.practice.loop == (1, 4)
    assert settings.practice.trainer == pytest.approx((0.7, 1.1, 0.04))
    assert settings.practice.trainer_needs_accuracy == 0.9
    assert (settings.clock.source, settings.clock.count_in_bars, settings.model.seed) == ("external", 2, 3)


def test_a_shipped_chart_by_its_name():
    settings = settings_from_args(parsed("waltz"))
    assert settings.song.title == "Tin Roof Waltz"
    assert str(settings.clock.time_signature) == "3/4"


def test_lists(song, capsys):
    assert run_cli(["practice", str(song), "--list", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [track["notes"] for track in document["tracks"]] == [32, 32]
    assert run_cli(["practice", "--list", "--json"]) == 0
    assert {chart["name"] for chart in json.loads(capsys.readouterr().out)} >= {"blues", "waltz", "vamp"}
    assert run_cli(["practice", "blues", "--list"]) == 0
    assert "Bdim7" in capsys.readouterr().out
    assert run_cli(["practice", str(song), "--list"]) == 0
    assert "tune: 8 bars" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("argv", "fault"),
    [
        ((), "practice what?"),
        (("nothing-such",), "no such file, and no shipped chart"),
        (("SONG", "--loop", "9-16"), "the song has bars 1-8"),
        (("SONG", "--loop", "4-2"), "the first bar comes after the last"),
        (("SONG", "--me", "9"), "no part '9'"),
        (("SONG", "--transpose", "90"), "the written notes allow"),
        (("SONG", "--tempo", "x"), "expected something like 80%"),
        (("SONG", "--trainer", "70"), "FROM:TO:STEP"),
        (("SONG", "--needs", "lots"), "expected a share like 90%"),
        (("SONG", "--count-in", "99"), "--count-in"),
        (("SONG", "--passes", "-1"), "--passes"),
        (("SONG", "--json"), "--json needs"),
        (("SONG", "--measure"), "--measure needs a chord chart"),
        (("SONG", "--seed", "-4"), "--seed"),
        (("blues", "--me", "1"), "no written part"),
        (("FOLDER",), "is a folder"),
        (("EMPTY.mid",), "has no notes"),
        (("BROKEN.txt",), "line 1, bar 2: chord 'Xm7'"),
        (("NOT_MIDI.mid",), "not a MIDI file"),
    ],
)
def test_wrong_use_is_one_line(song, tmp_path, capsys, argv, fault):
    files = {name: tmp_path / name.lower() for name in ("EMPTY.mid", "BROKEN.txt", "NOT_MIDI.mid")}
    files |= {"SONG": song, "FOLDER": tmp_path}
    save(files["EMPTY.mid"], [])
    files["BROKEN.txt"].write_text("| C | Xm7 |")
    files["NOT_MIDI.mid"].write_bytes(b"hello")
    assert run_cli(["practice", *(str(files.get(word, word)) for word in argv)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert fault in captured.err


def test_names_of_any_kind_are_listed_on_a_narrow_terminal():
    path = Path(__file__).resolve().parents[1] / "data" / "cases" / "21_names.mid"
    words = [sys.executable, "-m", "companion", "practice", str(path), "--list"]
    done = subprocess.run(words, capture_output=True, check=False, env={**os.environ, "PYTHONIOENCODING": "cp1252"})
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"\x1b" not in done.stdout
    assert b"\\u0413\\u0438" in done.stdout


def test_what_is_wrong_with_a_file_is_said_when_it_is_played(capsys):
    settings_from_args(parsed(Path(__file__).resolve().parents[1] / "data" / "cases" / "04d_cut_download.mid"))
    assert "04d_cut_download.mid: the file is damaged" in capsys.readouterr().err
