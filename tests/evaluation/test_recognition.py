"""The measure of recognition: songs with known chords are found, compared and summed up."""

import json

import pytest

from companion.charts.comping import bass_line, comping_track
from companion.charts.reader import parse_chart
from companion.cli.main import run
from companion.errors import TrainingError
from companion.evaluation.harmony.expectation import FIRST_BAR, measure_expectation
from companion.evaluation.harmony.recognition import harte_label, known_songs, measure_recognition
from companion.harmony.symbols import parse_chord
from companion.midi.file import write_midi
from companion.music import Score

pytest.importorskip("mir_eval")
CHORDS = [[[0, "Dm7"]], [[0, "G7"]], [[0, "Cmaj7"]], [[0, "Am7"], [2, "A7"]]] * 2


@pytest.fixture
def music(tmp_path):
    """A folder with one song: a chart's comping and bass, with its chords beside it."""
    bars = " | ".join(" ".join(symbol for _, symbol in marks) for marks in CHORDS)
    chart = parse_chart(f"| {bars} |")
    folder = tmp_path / "own"
    folder.mkdir()
    write_midi(Score((comping_track(chart), bass_line(chart))), folder / "song.mid")
    row = {"file": "song.mid", "chords": CHORDS, "tracks": ["chords: Piano", "bass: Bass"]}
    (folder / "chords.jsonl").write_text(json.dumps(row) + "\n")
    head = "dataset\tfile\tsplit\tbars\tn_ts"
    (tmp_path / "splits.tsv").write_text(f"{head}\nown\tsong.mid\ttest\t8\t1\n")
    return tmp_path


def test_a_song_with_known_chords_is_measured(music):
    songs = list(known_songs(music, "test", 5, 1))
    report = measure_recognition(songs)
    heard = report["comping and bass"]["bar by bar"]
    assert heard["root"] == 1
    assert heard["beats"] == 32
    assert heard["roots_off"] == [1, *[0] * 11]
    assert report["melody"]["bar by bar"] == {}
    assert report["contradiction"]["first half"]["kept bars called wrong"] == 0


def test_expected_chords_are_measured(music):
    report = measure_expectation(list(known_songs(music, "test", 5, 1)))
    calibration = report.pop("calibration")
    assert all(row["from"] <= row["confidence"] < row["to"] for row in calibration)
    assert sum(row["bars"] for row in calibration) == 8 - FIRST_BAR
    shares = [row["bars with a chord"] for row in report.values()]
    assert shares == sorted(shares, reverse=True)
    assert all(0 <= row["of these right"] <= 1 for row in report.values())


def test_the_command_says_it_in_lines_and_draws(music, capsys, tmp_path):
    picture = tmp_path / "heard.png"
    assert run(["evaluate", "--recognition", "--data", str(music), "--plot", str(picture)]) == 0
    assert "comping and bass" in capsys.readouterr().out
    for name in ("heard", "heard-errors", "heard-confidence"):
        assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG"), name


def test_a_folder_without_known_chords_is_refused(tmp_path):
    (tmp_path / "a.mid").write_bytes(b"")
    with pytest.raises(TrainingError, match="no "):
        list(known_songs(tmp_path, "test", 5, 1))


@pytest.mark.parametrize(
    ("symbol", "label"),
    [("C", "C:maj"), ("F#m7b5", "F#:hdim7"), ("Bb13", "A#:7"), ("Gsus4", "G:sus4"), ("A5", "A:5"), ("D6/9", "D:maj6")],
)
def test_labels_as_the_library_reads_them(symbol, label):
    assert harte_label(parse_chord(symbol)) == label
    assert harte_label(None) == "N"
