"""The report of a practice: numbers that add up, and files a player can open."""

import builtins
import json

import pytest

from companion.errors import CompanionError
from companion.practice.report import NO_PICTURE, summarise, summary_lines, worst_bars, write_report
from companion.session.api.effects import JudgedNote, PassFinished

NOTES = (
    JudgedNote(8, 0.0, "right", 60, 60, 20.0),
    JudgedNote(8, 1.0, "right", 62, 62, 30.0),
    JudgedNote(9, 0.0, "wrong", 64, 76, 5.0),
    JudgedNote(9, 1.0, "missed", 65),
    JudgedNote(9, 2.5, "extra", None, 70),
)
PASS = PassFinished(2, 0.8, -2, (8, 16), NOTES)


def test_a_pass_in_numbers():
    summary = summarise(PASS)
    assert (summary.right, summary.wrong, summary.missed, summary.extra, summary.wrong_octave) == (2, 1, 1, 1, 1)
    assert summary.accuracy == pytest.approx(0.4)
    assert (summary.mean_offset_ms, summary.offset_spread_ms) == (25, 5)
    assert summary.bars == (9, 16)
    assert summarise(PassFinished(1, 1.0, 0, (0, 4))).accuracy is None


def test_the_summary_in_lines():
    lines = summary_lines("Tune", [PASS])
    assert lines[0] == "Tune: 1 pass"
    assert lines[1] == (
        "pass 2, bars 9-16, tempo 80%, key -2: 40% right; 2 right, 1 wrong (1 by octaves), 1 missed, 1 extra; "
        "25 ms late on average, spread 5 ms"
    )
    assert lines[2] == "bars to look at: 10 (0% right)"
    assert worst_bars(NOTES[:2]) == []


def test_files_are_written(tmp_path):
    pytest.importorskip("matplotlib")
    folder = tmp_path / "a" / "b"
    lines = write_report(folder, "Tune", [PASS])
    assert json.loads((folder / "report.json").read_text())["passes"][0]["notes"][2]["played"] == 76
    assert (folder / "report.png").read_bytes().startswith(b"\x89PNG")
    assert len(lines) == 2


def test_without_matplotlib_one_line_says_so(tmp_path, monkeypatch):
    real_import = builtins.__import__

    def no_matplotlib(name, *args, **kwargs):
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return real_import(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", no_matplotlib)
    assert write_report(tmp_path, "Tune", [PASS])[-1] == NO_PICTURE
    assert (tmp_path / "report.txt").exists()


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CompanionError, match="the report cannot be written"):
        write_report(tmp_path / "file" / "x", "Tune", [PASS])
