"""Set lists from their files: entries joined with their presets, and one line for each that cannot be played."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from companion.cli.playing.set_command import add_parser, set_options
from companion.config.set_lists import find_set_list, load_set_list
from companion.errors import ConfigError, UsageError
from companion.practice.set_list import make_set
from companion.session.api.settings import ClockSettings
from companion.session.session import Session

INTERNAL = ClockSettings("internal", count_in_bars=1)


def write(folder: Path, text: str) -> Path:
    path = folder / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return path


def made(folder: Path, text: str):
    return make_set(load_set_list(write(folder, text)), INTERNAL)


def test_the_shipped_example_can_be_played() -> None:
    found = make_set(load_set_list(find_set_list("evening")), INTERNAL)
    assert found.complaints == ()
    blues, chords, waltz = found.entries
    assert blues.notes == ("soft at first, build in the third chorus", "F7 is the key of the ending")
    assert blues.settings.clock.bpm == pytest.approx(96)
    assert [track.name for track in blues.settings.tracks if track.role == "companion"] == [
        track.name for track in chords.settings.tracks if track.role == "companion"
    ], "a chart is played by the preset's band"
    assert chords.settings.clock.bpm == 132
    assert waltz.settings.practice.transpose == 2
    Session(found.entries[0].settings, 0.0, 1)


def test_a_song_file_is_named_from_the_set_list_s_folder(tmp_path: Path) -> None:
    (tmp_path / "two five.txt").write_text("| Dm7 | G7 | C | C |\n", encoding="utf-8")
    found = made(tmp_path, '[[entries]]\nsong = "two five.txt"\ntempo = 100\nnotes = "once"\n')
    (entry,) = found.entries
    assert (entry.title, entry.notes) == ("two five", ("once",))
    assert entry.settings.song is not None
    assert entry.settings.song.score.bar_count == 4


def test_a_progression_is_transposed(tmp_path: Path) -> None:
    found = made(tmp_path, '[[entries]]\nprogression = "Dm7 G7 | C"\ntranspose = 2\ntempo = 80\n')
    assert found.entries[0].settings.chords.progression == "Em7 A7 | D"


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ('song = "nowhere.mid"', "entry 1 (nowhere.mid): nowhere.mid: no such file"),
        ('song = "broken.mid"', "entry 1 (broken.mid): "),
        ('title = "Tune"\nsong = "broken.txt"', "entry 1 (Tune): "),
        ('progression = "Hm7 |"', "chord 'Hm7'"),
        ('preset = "nobody"', "no preset 'nobody'"),
        ('song = "blues"\ntempo = 5000', "entry 1: tempo = 5000 is not a tempo in BPM"),
        ('title = "T"\ntempo = "fast"', "entry 1 (T): tempo = 'fast' is not"),
        ('progression = "C"\ntempo = "80%"', "a share needs a song"),
        ('song = "blues"\nprogression = "C"', "either song or progression, not both"),
        ('songs = "blues"', "unknown key 'songs'"),
        ('song = "blues"\nme = "piano"', "a chord chart has no written part"),
        ("notes = 3", "entry 1: notes = 3 is not text"),
    ],
)
def test_a_missing_file_or_a_damaged_entry_is_one_line_and_the_rest_plays(
    tmp_path: Path, entry: str, said: str
) -> None:
    (tmp_path / "broken.mid").write_bytes(b"MThd nonsense")
    (tmp_path / "broken.txt").write_text("| Q7 | ??? |\n", encoding="utf-8")
    found = made(tmp_path, f'[[entries]]\n{entry}\n[[entries]]\ntitle = "Vamp"\nsong = "vamp"\n')
    (complaint,) = found.complaints
    assert said in complaint
    assert "entry 1" in complaint
    assert complaint.endswith(": this entry is skipped")
    assert "\n" not in complaint
    assert [each.title for each in found.entries] == ["Vamp"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "at least one [[entries]] table is needed"),
        ("entries = 3", "at least one [[entries]] table is needed"),
        ("tunes = 3", "unknown key 'tunes' (allowed: title, preset, entries)"),
        ("title = 3\n[[entries]]", "title = 3 is not text"),
        ("[[entries", "not valid TOML"),
    ],
)
def test_a_file_that_is_no_set_list_is_one_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError) as raised:
        load_set_list(write(tmp_path, text))
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_set_list_without_one_entry_to_play_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no entry can be played"):
        made(tmp_path, '[[entries]]\nsong = "nowhere.mid"\n')


def options(*words: str):
    parser = argparse.ArgumentParser()
    add_parser(parser.add_subparsers())
    return set_options(parser.parse_args(["set", *words]))


def test_the_command_begins_with_the_entry_that_is_asked_for(tmp_path: Path) -> None:
    path = write(tmp_path, '[[entries]]\nsong = "x.mid"\n[[entries]]\nsong = "vamp"\n[[entries]]\nsong = "waltz"\n')
    found = options(str(path), "--entry", "2").settings
    assert found.song is not None
    assert (found.first_entry, len(found.set_list), found.song.title) == (1, 2, found.set_list[1].settings.song.title)
    assert len(found.remarks) == 1
    shown = Session(found, 0.0, 1).snapshot(0.0)
    assert (shown.set_list.number, shown.set_list.following) == (1, "")
    with pytest.raises(UsageError, match="--entry must be from 1 to 2"):
        options(str(path), "--entry", "3")


def test_an_intro_is_of_the_entry_or_else_of_the_command(tmp_path: Path) -> None:
    path = write(tmp_path, '[[entries]]\nsong = "vamp"\nintro = 4\n[[entries]]\nsong = "waltz"\n')
    assert [entry.settings.intro_bars for entry in options(str(path)).settings.set_list] == [4, 0]
    assert [entry.settings.intro_bars for entry in options(str(path), "--intro", "2").settings.set_list] == [4, 2]
