"""The bench: its music, its arithmetic, its report and its command line. What it measures is asserted nowhere."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from companion.bench.engines import device
from companion.bench.engines.material import (
    find_checkpoint,
    make_score,
    midi_files,
    one_bar_request,
    windows_from_files,
)
from companion.bench.engines.measure import bytes_per_token, measure
from companion.bench.engines.quality import compare
from companion.bench.engines.runners import TOKENS, CompanionRunner, Sample, make_peer, make_runner
from companion.bench.machine import busy_core, describe_machine, read_bandwidth
from companion.bench.report import plot, table
from companion.cli.main import run
from companion.cli.measuring.bench_command import EXAMPLES
from companion.errors import UsageError
from companion.inference.backends.cuda.backend import CudaBackend
from companion.inference.backends.onnx.backend import OnnxBackend
from companion.inference.checkpoints.files import Checkpoint, ModelConfig
from companion.midi.file import read_midi, write_midi
from companion.tokenizer import Tokenizer


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory) -> Checkpoint:
    return find_checkpoint("random:64x2x2", tmp_path_factory.mktemp("bench"))


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory, monkeypatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))


def test_made_music_survives_a_midi_file_so_that_peers_see_the_same(tmp_path: Path) -> None:
    score = make_score(8, 4, seed=3)
    write_midi(score, tmp_path / "window.mid")
    again = read_midi(tmp_path / "window.mid")
    assert [[sorted(map(repr, bar.notes)) for bar in track.bars] for track in again.tracks] == [
        [sorted(map(repr, bar.notes)) for bar in track.bars] for track in score.tracks
    ]
    assert score == make_score(8, 4, seed=3) != make_score(8, 4, seed=4)


def test_windows_come_from_files_that_have_enough_bars(tmp_path: Path) -> None:
    write_midi(make_score(12, 5, seed=1), tmp_path / "long.mid")
    write_midi(make_score(4, 2, seed=1), tmp_path / "short.mid")
    (tmp_path / "broken.mid").write_bytes(b"MThd nonsense")
    windows = list(windows_from_files(midi_files(tmp_path, 10), bars=8, tracks=3))
    assert [(window.bar_count, len(window.tracks)) for window in windows] == [(8, 3)]
    with pytest.raises(UsageError, match="no MIDI files"):
        midi_files(tmp_path / "nowhere", 10)


def test_the_whole_bar_is_counted_at_a_fixed_number_of_tokens() -> None:
    sample = Sample(prompt_tokens=800, tokens=30, prompt_ms=5, prefill_ms=100, decode_ms=90)
    assert sample.bar_ms == 105 + 3 * TOKENS


def test_a_token_reads_every_matrix_once_and_the_cache() -> None:
    config = ModelConfig(vocab_size=600, n_positions=2048, n_embd=256, n_layer=6, n_head=4)
    matrices, rows = 12 * 6 * 256**2 + 600 * 256, 2 * 6 * 256 * 800
    assert bytes_per_token(config, "fp32", 800) == 4 * (matrices + rows)
    assert bytes_per_token(config, "int8-kv8", 800) == matrices + rows
    assert bytes_per_token(config, "mixed-kv8", 800) == bytes_per_token(config, "q8-kv8", 800)


def test_engines_and_peers_take_turns_and_are_reported(checkpoint: Checkpoint, tmp_path: Path) -> None:
    tokenizer = Tokenizer(checkpoint.encoder_config)
    ours = [make_runner(name, checkpoint, tokenizer) for name in ("onnx", "onnx:fp32")]
    peers = [make_peer("transformers:1", checkpoint, tokenizer)]
    rows = measure(ours, peers, checkpoint, bars=4, tracks=2, rounds=2, contended=True)
    assert [row.engine for row in rows] == ["onnx", "onnx:fp32", "transformers:1"]
    assert all(row.rounds == 2 and row.ms_per_token > 0 and row.bar_ms["p50"] <= row.bar_ms["p99"] for row in rows)
    assert set(rows[0].against["transformers:1"]) == {"prefill", "token", "bar"}
    assert rows[0].floor_ms
    text = table(rows)
    assert "transformers:1 takes" in text
    assert len({len(line.split("  ")) > 3 for line in text.splitlines()[:4]}) == 1
    plot(rows, tmp_path / "rows.png")
    assert (tmp_path / "rows.png").read_bytes().startswith(b"\x89PNG")


def test_midigpt_runs_on_the_same_bar(checkpoint: Checkpoint) -> None:
    pytest.importorskip("midigpt")
    tokenizer = Tokenizer(checkpoint.encoder_config)
    request = one_bar_request(make_score(4, 2, seed=1))
    theirs = make_peer("midigpt:1", checkpoint, tokenizer).bar(request, seed=1)
    ours = make_runner("onnx", checkpoint, tokenizer).bar(request, seed=1)
    assert theirs.prompt_tokens == ours.prompt_tokens
    assert theirs.tokens > 1


def test_the_gpu_engine_makes_a_bar_by_itself(checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    from companion.inference.backends.cuda.backend import CudaBackend
    from companion.inference.decoding.choosing import Chooser

    monkeypatch.setattr(Chooser, "choose", None)
    runner = CompanionRunner(
        "cuda", CudaBackend.from_checkpoint(checkpoint, "cpu"), Tokenizer(checkpoint.encoder_config)
    )
    samples = [runner.bar(one_bar_request(make_score(4, 2, seed=seed)), seed) for seed in (1, 2)]
    assert all(sample.tokens > 1 and sample.decode_ms > 0 for sample in samples)


def test_a_gpus_floors_are_measured_and_told(checkpoint: Checkpoint) -> None:
    plain = device.kernels_a_token(checkpoint)
    assert 11 * checkpoint.config.n_layer < plain < device.kernels_a_token(checkpoint, steered=True)
    runner = CompanionRunner(
        "cuda", CudaBackend.from_checkpoint(checkpoint, "cpu"), Tokenizer(checkpoint.encoder_config)
    )
    rows = measure([runner], [], checkpoint, bars=4, tracks=2, rounds=1)
    assert rows[0].device is not None
    assert rows[0].floor_ms == max(rows[0].device["read_ms"], rows[0].device["launch_ms"]) > 0
    text = table(rows)
    assert f"to start its {plain} kernels (plain)" in text
    assert "no GPU, the CPU stands in" in text
    assert "× these floors" in text
    assert rows[0].take_ratios is not None
    assert list(rows[0].take_ratios) == [1, 2, 4, 8]


def test_without_a_gpu_its_engine_is_measured_on_the_stand_in(checkpoint: Checkpoint) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    backend = make_runner("cuda", checkpoint, Tokenizer(checkpoint.encoder_config)).backend
    assert isinstance(backend, CudaBackend)
    assert backend.device == "cpu"


def test_an_engine_compared_with_itself_differs_in_nothing(checkpoint: Checkpoint, tmp_path: Path) -> None:
    tokenizer = Tokenizer(checkpoint.encoder_config)
    exact, rough = (
        OnnxBackend.from_checkpoint(checkpoint, quantization=name, cache_dir=tmp_path) for name in ("fp32", "q4")
    )
    requests = [one_bar_request(make_score(4, 2, seed=1))]
    found = compare({"same": exact, "rough": rough}, exact, tokenizer, requests, tokens=5)
    assert (found["same"]["kl"], found["same"]["top1"], found["same"]["positions"]) == (0.0, 1.0, 5.0)
    assert found["rough"]["kl"] > 0


def test_the_machine_is_described_and_left_as_it_was() -> None:
    assert "cores" in describe_machine()
    assert read_bandwidth(1 << 20, repeats=2) > 0
    with busy_core() as _:
        pass
    assert np.isfinite(read_bandwidth(1, repeats=1))


def test_json_is_one_list_on_standard_output(capsys) -> None:
    arguments = [
        "bench",
        "--checkpoint",
        "random:64x2x2",
        "--window",
        "4",
        "--tracks",
        "2",
        "--rounds",
        "1",
        "--json",
        "--quality",
    ]
    assert run([*arguments, "--engine", "onnx", "--prompts", "1"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row["engine"] == "onnx"
    assert {"prefill_ms", "ms_per_token", "bar_ms", "tokens_per_second", "rss_mb", "against", "quality"} <= set(row)
    assert row["rss_mb"] > 20


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--checkpoint", "random:64"], "random:WIDTH"),
        (["--checkpoint", "random:64x2x2", "--engine", "abacus"], "abacus"),
        (["--checkpoint", "random:64x2x2", "--engine", "reference:q8"], "only onnx"),
        (["--checkpoint", "random:64x2x2", "--engine", "onnx:int3"], "int3"),
        (["--checkpoint", "random:64x2x2", "--engine", "onnx", "--against", "magenta"], "magenta"),
        (["--checkpoint", "random:64x2x2", "--engine", "onnx", "--against", "midigpt:x"], "threads"),
        (["--window", "0"], "--window"),
        (["--rounds", "0"], "--rounds"),
    ],
)
def test_wrong_use_is_one_line(capsys, arguments: list[str], message: str) -> None:
    if arguments[0] == "--window":
        arguments = ["--checkpoint", "random:64x2x2", "--engine", "onnx", *arguments]
    assert run(["bench", *arguments]) in (1, 2)
    output = capsys.readouterr()
    assert message in output.err
    assert output.err.count("\n") <= 2
    assert output.out == ""


def test_help_shows_examples(capsys) -> None:
    assert run(["bench", "--help"]) == 0
    assert EXAMPLES.strip().splitlines()[1].strip() in capsys.readouterr().out
