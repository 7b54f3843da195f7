from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from companion.errors import TrainingError
from companion.inference.checkpoints.files import load_checkpoint
from companion.tokenizer import EncoderConfig, Tokenizer
from companion.training.examples.samples import SampleMaker
from companion.training.music.corpus import Corpus
from companion.training.network.transfer import load_teacher
from companion.training.run.curves import read_rows
from companion.training.run.trainer import CURVE_FILE, STATE_FILE, Trainer
from companion.training.run.view import RunView
from tests.training.support import tiny_config

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}


def trainer(
    corpus: Corpus, out: Path, show: Callable[[RunView], None] = lambda view: None, mark: str = "x", **tables: dict
) -> Trainer:
    config = tiny_config(**tables)
    tokenizer = Tokenizer(EncoderConfig.load("yellow"))
    source = SampleMaker(corpus, tokenizer, config.samples, {}, config.model.positions)
    out.mkdir(exist_ok=True)
    return Trainer(config, tokenizer, (source, source), out, mark, lambda line: None, show)


def weights(run: Trainer) -> list[torch.Tensor]:
    return [tensor.clone() for tensor in run.bare_model.state_dict().values()]


def test_loss_falls_and_is_recorded(corpus: Corpus, tmp_path: Path) -> None:
    run = trainer(corpus, tmp_path, optimizer={"steps": 40, "learning_rate": 0.01})
    before = run.validate()["valid_bits"]
    progress = run.run()
    assert progress.step == 40
    assert run.validate()["valid_bits"] < before - 2
    assert read_rows(tmp_path / CURVE_FILE)[-1]["valid_bits"] == pytest.approx(progress.best_valid, abs=1e-4)
    assert load_checkpoint(tmp_path / "yellow.pt").config.n_embd == 32
    assert (tmp_path / "curve.png").read_bytes()[:4] == b"\x89PNG"


def test_whoever_watches_sees_a_run_go_on_to_its_end(
    corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[RunView] = []
    monkeypatch.setattr("companion.training.run.trainer._SHOW_SECONDS", 0.0)
    run = trainer(corpus, tmp_path, seen.append, optimizer={"steps": 5})
    run.run()
    assert [view.step for view in seen] == [1, 2, 3, 4, 5]
    shares = [view.share for view in seen]
    assert all(share is not None and 0 < share <= 1 for share in shares)
    assert shares[-1] == pytest.approx(1, abs=0.01)
    assert seen[-1].seconds_left == pytest.approx(0, abs=0.01)
    assert all(view.bits is not None and view.bits > 0 and view.tokens_per_second > 0 for view in seen)


def test_a_resumed_run_ends_with_the_same_weights(corpus: Corpus, tmp_path: Path) -> None:
    whole = trainer(corpus, tmp_path / "whole")
    whole.run()
    first = trainer(corpus, tmp_path / "parts")
    batches = first._stream()
    for _ in range(3):
        first._step(first.bare_model, batches)
    first.save()
    second = trainer(corpus, tmp_path / "parts")
    second.resume()
    assert second.progress.step == 3
    assert second.run().tokens == whole.progress.tokens
    assert all(torch.equal(one, two) for one, two in zip(weights(whole), weights(second), strict=True))


def test_another_runs_state_is_refused_and_a_broken_one_is_named(corpus: Corpus, tmp_path: Path) -> None:
    trainer(corpus, tmp_path, mark="one").save()
    with pytest.raises(TrainingError, match="another model, data or sample settings"):
        trainer(corpus, tmp_path, mark="two").resume()
    (tmp_path / STATE_FILE).write_bytes(b"torn")
    with pytest.raises(TrainingError, match=r"state\.pt"):
        trainer(corpus, tmp_path, mark="one").resume()


def test_a_small_model_learns_from_a_large_one_in_the_same_run(corpus: Corpus, tmp_path: Path) -> None:
    large = trainer(corpus, tmp_path / "large", optimizer={"steps": 30, "learning_rate": 0.01}, model={"width": 64})
    large.run()
    taught = {"teacher": str(tmp_path / "large" / "yellow.pt"), "teacher_share": 1.0}
    small = trainer(corpus, tmp_path / "small", run=taught, optimizer={"steps": 30, "learning_rate": 0.01})
    before = small.validate()["valid_bits"]
    small.run()
    assert small.validate()["valid_bits"] < before - 1  # it has seen nothing but the teacher's distributions
    with pytest.raises(TrainingError, match="vocabulary is another one"):
        load_teacher(tmp_path / "large" / "yellow.pt", Tokenizer(EncoderConfig.load("ghost")).vocabulary)


def test_a_lost_loss_ends_the_run_in_words(corpus: Corpus, tmp_path: Path) -> None:
    run = trainer(corpus, tmp_path, run={"log_seconds": 0.0})
    with torch.no_grad():
        run.bare_model.lm_head.weight.fill_(float("nan"))
    with pytest.raises(TrainingError, match="no longer a number"):
        run.run()


CONFIG = """
[run]
workers = 1
threads = 1
pool_windows = 8
valid_windows = 4
log_seconds = 0.0
[model]
width = 32
layers = 2
heads = 2
[data]
min_bars = 4
[optimizer]
tokens_per_batch = 2048
"""


def command(music: Path, out: Path, *more: str) -> list[str]:
    config = out.parent / "run.toml"
    config.write_text(CONFIG)
    return [
        sys.executable,
        "-m",
        "companion",
        "train",
        "--config",
        str(config),
        "--data",
        str(music),
        "--out",
        str(out),
        *more,
    ]


def test_an_interrupted_command_saves_and_goes_on(music: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    process = subprocess.Popen(command(music, out, "--hours", "1"), stdout=subprocess.PIPE, text=True, env=ENVIRONMENT)
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("step 3 "):
            process.send_signal(signal.SIGTERM)
            break
    rest = process.stdout.read()
    assert process.wait() == 0
    assert "--resume" in rest
    steps = [row["step"] for row in read_rows(out / CURVE_FILE)]
    again = subprocess.run(
        command(music, out, "--resume", "--hours", "0.0005"), capture_output=True, text=True, env=ENVIRONMENT
    )
    assert again.returncode == 0, again.stderr
    assert f"resumed at step {steps[-1]}" in again.stdout


@pytest.mark.parametrize(
    ("more", "status", "words"),
    [
        ([], 2, "needs an end"),
        (["--resume", "--hours", "1"], 2, "nothing to resume"),
        (["--hours", "1", "--stop-at", "12:00"], 2, "exclude each other"),
        (["--stop-at", "noon"], 2, "15:30"),
        (["--hours", "1", "--init-from", "nowhere.pt"], 1, "nowhere.pt"),
    ],
)
def test_wrong_use_is_one_line(music: Path, tmp_path: Path, more: list[str], status: int, words: str) -> None:
    done = subprocess.run(command(music, tmp_path / "run", *more), capture_output=True, text=True, env=ENVIRONMENT)
    assert done.returncode == status
    assert done.stderr.startswith("companion: ")
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
