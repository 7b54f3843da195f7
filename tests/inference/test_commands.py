"""`companion infill`, `tokenize` and `checkpoints`, as a user runs them."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from companion.cli.main import run
from companion.cli.options.numbers import parse_bars
from companion.errors import UsageError
from companion.midi.file import read_midi, read_song, write_midi
from companion.music import Bar, Note, Score, TimeSignature, Track
from companion.tokenizer import Tokenizer, TokenType
from tests import golden

REPOSITORY = Path(__file__).parents[2]

BAND = golden.midi_path("synth/s14_band8.mid")


@pytest.fixture
def companion(capsys):
    """Run a command line; (status, standard output, standard error)."""

    def call(*words: object) -> tuple[int, str, str]:
        status = run([str(word) for word in words])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return call


@pytest.fixture
def infill(companion, checkpoint_path, tmp_path):
    def call(*words: object, name: str = "ghost", source=BAND):
        fixed = ("--checkpoint", checkpoint_path(name), "--engine", "reference", "--seed", "4", "--density-limit", "6")
        return companion("infill", source, tmp_path / "out.mid", *fixed, *words)

    return call


def test_infill_writes_the_chosen_bars_and_keeps_the_rest(infill, tmp_path):
    status, out, _ = infill("--track", "1", "--bars", "5-6", "--track", "4:3", "--hide", "2:6-8", "--json")
    assert status == 0
    report = json.loads(out)
    assert (report["checkpoint"], report["engine"], report["mask_mode"], report["model_dim"]) == (
        "ghost_tiny",
        "reference",
        "token",
        8,
    )
    assert report["seed"] == 4
    cells = sorted(tuple(cell) for step in report["steps"] for cell in step["targets"])
    assert cells == [(0, 4), (0, 5), (3, 2)]
    for step in report["steps"]:
        keys = {
            "window",
            "targets",
            "prompt_ids",
            "position_ids",
            "hidden_spans",
            "generated_ids",
            "prefill_ms",
            "decode_ms",
        }
        assert keys <= set(step)
    before, after = read_midi(BAND), read_midi(tmp_path / "out.mid")
    changed = {
        (t, b)
        for t, (old, new) in enumerate(zip(before.tracks, after.tracks, strict=True))
        for b, pair in enumerate(zip(old.bars, new.bars, strict=False))
        if pair[0] != pair[1]
    }
    assert changed == set(cells)


@pytest.mark.parametrize(
    ("name", "track", "bars"), [("15_program_changes", 1, "3"), ("01_pedal", 1, "2-3"), ("26_empty_track", 2, "1-4")]
)
def test_infill_changes_nothing_but_the_notes_of_the_filled_bars(infill, tmp_path, name, track, bars):
    """Every other event keeps its bytes, its track and its tick; what is new lies in the filled bars."""
    source = REPOSITORY / "tests" / "data" / "cases" / f"{name}.mid"
    status, _, error = infill("--track", track, "--bars", bars, source=source, name="yellow")
    assert (status, error) == (0, "")
    before, after = read_song(source), read_song(tmp_path / "out.mid")
    first, last = (int(bar) for bar in (bars.split("-") * 2)[:2])
    span = range(before.bar_starts[first - 1], before.bar_starts[last])
    for number, (old, new) in enumerate(zip(before.source.file.tracks, after.source.file.tracks, strict=True)):
        gone, added = Counter(old.events) - Counter(new.events), Counter(new.events) - Counter(old.events)
        if number != before.source.parts[track - 1].track:
            assert not gone
            assert not added
        assert all(data[0] & 0xF0 in (0x80, 0x90) for _, data in [*gone, *added])
        assert all(tick in span for tick, data in [*gone, *added] if data[0] & 0xF0 == 0x90)
    assert any(
        data[0] & 0xF0 == 0x90 for _, data in after.source.file.tracks[before.source.parts[track - 1].track].events
    )


def test_the_filled_track_stands_last_unless_the_order_is_kept(infill):
    """Either way the report counts tracks as the file does."""
    steps = {}
    for option in ((), ("--keep-order",)):
        status, out, _ = infill("--track", "1", "--bars", "5", "--json", *option)
        assert status == 0
        (steps[option],) = json.loads(out)["steps"]
        assert steps[option]["targets"] == [[0, 4]]
    last, kept = (step["prompt_ids"] for step in steps.values())
    assert last != kept
    assert sorted(last) == sorted(kept)


def test_infill_repeats_with_a_seed_and_writes_takes(infill, tmp_path):
    assert infill("--track", "1", "--bars", "2", "--takes", "2")[0] == 0
    first, second = (tmp_path / "out.mid").read_bytes(), (tmp_path / "out.2.mid").read_bytes()
    assert first != second
    status, out, _ = infill("--track", "1", "--bars", "2")
    assert status == 0
    assert (tmp_path / "out.mid").read_bytes() == first
    assert "1 bars" in out
    assert "seed 4" in out


def test_a_file_shorter_than_a_window_works(infill, tmp_path):
    bars = tuple(Bar((Note(0, 480, 60 + number),), TimeSignature(3, 4)) for number in range(2))
    source = tmp_path / "short.mid"
    write_midi(Score((Track(bars),)), source)
    status, _, error = infill("--track", "1", "--bars", "2", source=source, name="yellow")
    assert (status, error) == (0, "")
    after = read_midi(tmp_path / "out.mid")
    assert after.tracks[0].bars[0] == read_midi(source).tracks[0].bars[0]


def test_the_tempo_map_survives(infill, tmp_path):
    source = golden.midi_path("synth/s14_band8.mid")
    infill("--track", "1", "--bars", "2")
    assert read_song(tmp_path / "out.mid").tempo_map == read_song(source).tempo_map


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (("--track", "9", "--bars", "2"), 2, "tracks 1 to 4"),
        (("--track", "0", "--bars", "2"), 2, "tracks 1 to 4"),
        (("--track", "x", "--bars", "2"), 2, "tracks count from 1"),
        (("--track", "1"), 2, "which bars of track 1"),
        (("--track", "1", "--bars", "9"), 2, "has 8 bars"),
        (("--track", "1", "--bars", "0-2"), 2, "bars count from 1"),
        (("--track", "1", "--bars", "a"), 2, "not a list of bars"),
        (("--track", "1", "--bars", "2", "--hide", "2"), 2, "which bars of track 2"),
        (("--track", "1", "--bars", "2", "--hide", "1:2"), 2, "generated or hidden"),
        (("--track", "1", "--bars", "2", "--model-dim", "5"), 2, "[4, 8, 12, 16]"),
        (("--track", "1", "--bars", "2", "--model-dim", "x"), 2, "whole number or auto"),
        (("--track", "1", "--bars", "2", "--attribute", "max_polyphony"), 2, "NAME=LEVEL"),
        (("--track", "1", "--bars", "2", "--attribute", "note_density=3"), 2, "drum-only"),
        (("--track", "1", "--bars", "2", "--temperature", "0"), 2, "temperature must be > 0"),
    ],
)
def test_wrong_use_is_one_line_and_status_2(infill, words, status, message):
    found, out, error = infill(*words)
    assert (found, out) == (status, "")
    assert error.count("\n") == 1
    assert message in error


def test_missing_and_broken_files_are_one_line(companion, tmp_path):
    (tmp_path / "bad.mid").write_bytes(b"MThd nonsense")
    for source, checkpoint, words in (
        (tmp_path / "none.mid", "x.pt", "none.mid"),
        (tmp_path / "bad.mid", "x.pt", "bad.mid"),
        (BAND, tmp_path / "none.pt", "no such checkpoint"),
        (BAND, BAND, "not a torch archive"),
    ):
        status, out, error = companion(
            "infill", source, "o.mid", "--track", "1", "--bars", "2", "--checkpoint", checkpoint
        )
        assert status in (1, 2)
        assert out == ""
        assert error.count("\n") == 1
        assert words in error


def test_tokenize_names_every_token(companion):
    status, out, _ = companion("tokenize", BAND, "--encoder", "ghost", "--bars", "3-6", "--json")
    report = json.loads(out)
    assert status == 0
    assert report["encoder"] == "ghost"
    assert report["bars"] == [3, 6]
    assert len(report["ids"]) == len(report["tokens"])
    assert report["tokens"][:2] == ["PieceStart plain", "NumBars 4"]
    lines = companion("tokenize", BAND, "--encoder", "ghost", "--bars", "3-6")[1].splitlines()
    assert [int(line.split()[0]) for line in lines] == report["ids"]


def test_tokenize_reads_the_encoder_of_a_checkpoint(companion, checkpoint_path):
    by_name = companion("tokenize", BAND, "--encoder", "yellow", "--json")
    by_file = companion("tokenize", BAND, "--encoder", checkpoint_path("yellow"), "--json")
    assert json.loads(by_name[1])["ids"] == json.loads(by_file[1])["ids"]
    assert json.loads(by_name[1])["bars"] == [1, 8]


@pytest.mark.parametrize(
    ("words", "message"),
    [(("--bars", "1-5"), "4 or 8 bars"), (("--bars", "6-9"), "does not exist"), (("--encoder", "purple"), "yellow")],
)
def test_tokenize_refuses_in_one_line(companion, words, message):
    status, out, error = companion("tokenize", BAND, *words)
    assert status in (1, 2)
    assert out == ""
    assert error.count("\n") == 1
    assert message in error


def test_checkpoints_report_what_they_can_do(companion, checkpoint_path):
    rows = {}
    for name in ("yellow", "ghost", "expressive"):
        status, out, _ = companion("checkpoints", "list", checkpoint_path(name), "--json")
        assert status == 0
        (rows[name],) = json.loads(out)
    assert [rows[name]["num_bars_map"] for name in rows] == [[4, 8], [4, 8, 12, 16], [4, 8]]
    assert ["token" in rows[name]["mask_modes"] for name in rows] == [False, True, False]
    assert [rows[name]["microtiming"] for name in rows] == [False, False, True]
    assert [rows[name]["velocity_levels"] for name in rows] == [32, 32, 128]
    assert [rows[name]["vocab_size"] for name in rows] == [647, 650, 751]
    assert len(rows["yellow"]["attributes"]) == 5
    assert rows["yellow"]["parameters"] > 0


def test_the_matrix_is_the_one_in_the_docs(companion):
    status, out, _ = companion("checkpoints", "--matrix")
    assert status == 0
    printed = out.strip().splitlines()
    assert len(printed) > 6
    for page in ("README.md", "docs/inference.md"):
        lines = (REPOSITORY / page).read_text(encoding="utf-8").splitlines()
        begin = lines.index(printed[0])
        written = lines[begin : lines.index("", begin)]
        assert written == printed[: len(written)], page
        assert any(line.startswith("| `auto` means") for line in written)  # every mode is there


def test_a_broken_installed_checkpoint_does_not_hide_the_others(companion, tmp_path, monkeypatch, checkpoint_path):
    from companion.inference.checkpoints import hub

    (tmp_path / "good.safetensors").write_bytes(checkpoint_path("yellow").read_bytes())
    (tmp_path / "broken.pt").write_bytes(b"PK")
    monkeypatch.setattr(hub, "SHIPPED_FOLDER", tmp_path)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    status, out, error = companion("checkpoints", "--json")
    assert status == 1
    assert [row["name"] for row in json.loads(out)] == ["good"]
    assert "broken.pt" in error


def test_lists_of_bars():
    assert parse_bars("3,5-7,6") == [2, 4, 5, 6]
    for text in ("", "5-", "7-5", "1-99999999", "-3"):
        with pytest.raises(UsageError):
            parse_bars(text)


@pytest.mark.parametrize(
    ("chart", "message"),
    [
        ("| C | G |", "has 2 bars, bar 6 is to be filled"),
        ("Time: 3/4\n| C | G | C | G | C | G |", "bar 1 is in 3/4, the file's in 4/4"),
    ],
)
def test_a_chart_that_does_not_fit_the_file_is_refused_in_one_line(infill, tmp_path, chart, message):
    (tmp_path / "chart.txt").write_text(chart)
    status, _, error = infill("--track", "1", "--bars", "5-6", "--chords", tmp_path / "chart.txt")
    assert status == 2
    assert message in error
    assert error.count("\n") == 1


def test_a_chart_for_a_checkpoint_that_reads_no_chords_is_a_warning(infill, tmp_path):
    (tmp_path / "chart.txt").write_text("| C | G | C | G | C | G | C | G |")
    status, _, error = infill("--track", "1", "--bars", "5", "--chords", tmp_path / "chart.txt")
    assert status == 0
    assert "not trained with chord guides" in error


def test_a_newer_checkpoint_is_told_genre_key_and_levels_of_bars(infill, companion):
    asked = (
        "--track",
        "1",
        "--bars",
        "5-6",
        "--bars-per-step",
        "2",
        "--genre",
        "Jazz",
        "--attribute",
        "key_signature=2",
    )
    status, out, _ = infill(*asked, "--attribute", "bar_max_polyphony=0", "--json", name="prism")
    assert status == 0
    vocabulary = Tokenizer.load("prism").vocabulary
    tokens = [vocabulary.type_of(token) for step in json.loads(out)["steps"] for token in step["prompt_ids"]]
    assert (TokenType.GENRE, vocabulary.genre_index("jazz")) in tokens
    assert (TokenType.KEY_SIGNATURE, 2) in tokens
    bars = "".join(" |"[name is TokenType.BAR] + name.value + str(value) for name, value in tokens).split("|")
    filled = [bar for bar in bars if "FillInPlaceholder" in bar]
    assert len(filled) == 2
    assert all("BarLevelOnsetPolyphonyMax0 " in bar for bar in filled)
    for wrong, words in (("--genre=polka", "not a known genre"), ("--attribute=note_density=3", "unknown attribute")):
        status, _, error = infill("--track", "1", "--bars", "5", wrong, name="prism")
        assert status != 0
        assert words in error


def test_the_newer_encoders_are_shown_with_what_they_can(companion, checkpoint_path):
    status, out, _ = companion("checkpoints", "list", checkpoint_path("prism"), "--json")
    [row] = json.loads(out)
    assert status == 0
    assert len(row["genres"]) == 18
    assert {"key_signature", "bar_note_density", "pitch_class_set"} <= set(row["attributes"])
    assert (row["switches"], row["unknown_controls"]) == ([], [])
    status, out, _ = companion("checkpoints", "--matrix", "list", checkpoint_path("expressive_new"))
    assert "| can be switched off | velocity, microtiming |" in out
