"""A whole evaluation on a handful of generated songs and an untrained model: every part of the report is there and sane."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from companion.cli.main import run
from companion.evaluation import infill
from companion.evaluation.choice import choice_lines
from companion.evaluation.harmony.focus import chord_lines, reaction_lines
from companion.evaluation.harmony.reaction import BARS_HEARD, SOURCES
from companion.evaluation.measures import controls
from companion.evaluation.measures.copying import RunIndex
from companion.evaluation.windows import draw_windows, load_split
from companion.inference.backends.reference import build_model
from companion.inference.checkpoints.files import ModelConfig, save_checkpoint
from companion.midi.file import write_midi
from companion.music import Bar, Note, Score, Track
from companion.tokenizer import EncoderConfig, Vocabulary

BARS = 12
NAMES = "C Db D Eb E F Gb G Ab A Bb B".split()


def song(number: int) -> Score:
    """Melody, bass and drums, different in every song."""
    melody = tuple(
        Bar(tuple(Note(480 * beat, 400, 60 + (beat * 5 + bar * 7 + number) % 12, 90) for beat in range(4)))
        for bar in range(BARS)
    )
    bass = tuple(Bar((Note(0, 900, 36 + (bar * 7 + number) % 12, 80),)) for bar in range(BARS))
    drums = tuple(Bar(tuple(Note(240 * i, 60, 42, 70) for i in range(8))) for _ in range(BARS))
    return Score((Track(melody), Track(bass, 33), Track(drums, is_drum=True)))


@pytest.fixture(scope="module")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with its own table of splits."""
    folder = tmp_path_factory.mktemp("music")
    lines: list[str] = []
    rows = ["dataset\tfile\tsong\tsplit\tbars\tnotes\ttracks\tdrums\tts\tn_ts"]
    for number in range(6):
        (folder / "set").mkdir(exist_ok=True)
        write_midi(song(number), folder / "set" / f"{number}.mid")
        chords = [[[0, NAMES[(bar * 7 + number) % 12] + "5(omit5)"]] for bar in range(BARS)]
        lines.append(json.dumps({"file": f"{number}.mid", "chords": chords}))
        split = "train" if number < 3 else "test"
        rows.append(f"set\t{number}.mid\tset:{number}\t{split}\t{BARS}\t100\t3\t1\t4/4\t1")
    (folder / "set" / "chords.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "splits.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained model, small enough to be quick."""
    config = EncoderConfig.load("ghost")
    torch.manual_seed(0)
    model_config = ModelConfig(Vocabulary(config).size, 1024, 32, 1, 2)
    path = tmp_path_factory.mktemp("checkpoint") / "small.pt"
    save_checkpoint(path, model_config, config, build_model(model_config).state_dict())
    return path


def test_windows_are_the_live_case(music: Path, tmp_path: Path) -> None:
    windows = draw_windows(load_split(music, "test", tmp_path, 10), 5, 4, seed=3)
    assert len(windows) == 5
    for window in windows:
        assert window.hidden == ((0, 3),)
        assert {bar for _, bar in window.targets} == {3}
        assert window.score.bar_count == 4
    again = draw_windows(load_split(music, "test", tmp_path, 10), 5, 4, seed=3)
    assert windows == again


def test_the_whole_report(
    music: Path, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(infill, "NOTES_A_BAR", 24)  # an untrained model writes until it is stopped
    monkeypatch.setattr(controls, "LEVELS", {"note_density": (0, 3, 6), "min_polyphony": (1,)})
    picture = tmp_path / "picture.png"
    argv = ["evaluate", str(checkpoint), "--data", str(music), "--bars", "4", "--windows", "4", "--json"]
    argv += ["--engine", "reference", "--cache", str(tmp_path / "cache"), "--plot", str(picture)]
    assert run(argv) == 0
    report = json.loads(capsys.readouterr().out)
    contract = "checkpoint split bits_per_token bits_per_note baselines infill control following copying validity"
    assert set(contract.split()) <= set(report)
    assert report["infill"]["true bar"]["onset_f1"] == 1
    low, high = report["infill_intervals"]["copy previous bar"]["pitch_class_overlap"]
    assert low <= report["infill"]["copy previous bar"]["pitch_class_overlap"] <= high
    low, high = report["bits_per_token"]["interval"]["infill"]
    assert low < report["bits_per_token"]["infill"] < high
    assert report["following"]["others"]["the true part, a bar late"] >= 1
    # an untrained model knows no more than a die; the 5-gram has read the same kind of music
    assert report["bits_per_token"]["all"] > 9 > report["baselines"]["5-gram"]["all"]
    assert set(report["validity"]) == {"token", "attention", "attention_approx", "attention_skip", "remove"}
    for mode in ("attention_approx", "attention_skip"):  # the same tokens at the same positions
        assert report["validity"][mode] == report["validity"]["attention"]
    assert report["control"]["note_density"]["within_one"] >= 0.8  # steering needs no training
    assert picture.stat().st_size > 10_000


def test_keeping_to_chords_is_measured_beside_the_music_itself(
    music: Path, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(infill, "NOTES_A_BAR", 4)
    monkeypatch.setattr(
        "companion.cli.measuring.evaluate_charts.measure_charts", lambda *args: []
    )  # minutes of writing
    argv = ["evaluate", str(checkpoint), "--data", str(music), "--bars", "4", "--windows", "6", "--chords", "--json"]
    argv += ["--engine", "reference", "--cache", str(tmp_path / "cache")]
    assert run(argv) == 0
    report = json.loads(capsys.readouterr().out)
    bass = report["written"]["bass"]
    assert bass["the music itself"]["share"]["value"] == 1  # its one note is the root of every chord
    assert bass["copy of the bar before"]["share"]["value"] == 0  # a fifth below: never the same root
    assert set(bass) == {
        "the music itself",
        "copy of the bar before",
        "without guide, steering on",
        "without guide, steering off",
    }
    forced = report["probability"]["bass"]
    assert set(forced["without guide"]) == {"changes"}  # every bar has another chord than the bar before
    # An untrained model spreads its chances over all pitches, and a chord of one tone is a twelfth of them.
    assert forced["without guide"]["changes"]["value"] == pytest.approx(1 / 12, abs=0.02)
    assert "\n".join(chord_lines(report)).count("notes in the chord") == 2


def test_reaction_to_a_change_of_key_has_a_floor_and_a_ceiling(
    music: Path, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(infill, "NOTES_A_BAR", 4)
    argv = ["evaluate", str(checkpoint), "--data", str(music), "--bars", "4", "--windows", "2", "--reaction", "--json"]
    argv += ["--engine", "reference", "--cache", str(tmp_path / "cache")]
    assert run(argv) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["cases"] == 2
    for source in SOURCES:
        assert 1 <= report[source]["bars_until_fit"]["median"]["value"] <= BARS_HEARD + 1
        assert len(report[source]["share_fitting"]) == BARS_HEARD + 1
    assert "median" in "\n".join(reaction_lines(report))


def test_choosing_among_takes_is_measured_against_one_take(
    music: Path, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(infill, "NOTES_A_BAR", 4)
    argv = ["evaluate", str(checkpoint), "--data", str(music), "--bars", "4", "--windows", "2", "--takes", "--json"]
    argv += ["--engine", "reference", "--cache", str(tmp_path / "cache")]
    assert run(argv) == 0
    report = json.loads(capsys.readouterr().out)
    assert list(report["takes"]) == ["1", "2", "4"]
    assert report["takes"]["1"]["onset_f1_gain"]["value"] == 0
    four = report["takes"]["4"]
    gain = four["onset_f1"]["value"] - report["takes"]["1"]["onset_f1"]["value"]
    assert four["onset_f1_gain"]["value"] == pytest.approx(gain)
    assert "gain" in "\n".join(choice_lines(report))


def test_a_folder_without_music_is_said(tmp_path: Path, checkpoint: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["evaluate", str(checkpoint), "--data", str(tmp_path)]) == 1
    assert "no MIDI file" in capsys.readouterr().err


def test_a_transposed_quotation_is_found() -> None:
    index = RunIndex()
    index.add(song(0).tracks[0].bars, 480)
    low = tuple(Bar(tuple(Note(n.onset_ticks, 400, n.pitch - 12) for n in bar.notes)) for bar in song(0).tracks[0].bars)
    assert index.longest(low, 480) == 32
    assert index.longest(low[:2], 480) == 6
    assert index.longest([Bar((Note(0, 1, 60), Note(7, 1, 99)))], 480) == 0
