"""The command line as a whole: help, wrong use, errors as one line."""

from __future__ import annotations

import subprocess
import sys

import pytest

from companion.cli import main as cli


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(f"\n  {name} " in shown for name in cli.COMMANDS)


@pytest.mark.parametrize("name", sorted(cli.COMMANDS))
def test_every_command_has_help_with_an_example(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run([name, "--help"]) == 0
    assert f"companion {name}" in capsys.readouterr().out.split("example", 1)[1]


@pytest.mark.parametrize(
    ("argv", "fault"),
    [
        (["dance"], "no such command: dance (commands: jam, "),
        (["--loud"], "unknown option: --loud"),
        (["jam", "--no-such-option"], "unrecognized arguments"),
        (["infill"], "required: input, output, --track (companion infill --help explains)"),
        (["jam", "--bpm", "fast"], "--bpm: invalid float value: 'fast'"),
        (["jam", "--bpm", "-5"], "(10 to 400)"),
        (["jam", "--rewrite", "often"], "choose from 'never', 'half', 'beat'"),
        (["jam", "--mask-mode", "veil"], "choose from 'auto', 'token'"),
        (["jam", "--checkpoint", "yellow", "--mask-mode", "token"], "yellow cannot do that (it can: attention, "),
        (["demo", "--checkpoint", "ghost", "--model-dim", "7"], "ghost has windows of 4, 8, 12, 16 bars"),
        (["demo", "--player", "nobody"], "choose from 'melody'"),
        (["replay", "nowhere"], "no recording there"),
        (["tokenize", "x.mid", "--encoder", "pink"], "x.mid"),
    ],
)
def test_wrong_use_is_one_line_and_status_2(argv: list[str], fault: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(argv) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("companion: ")
    assert said.err.count("\n") == 1
    assert fault in said.err


@pytest.mark.parametrize(
    "argv",
    [
        ["jam", "--headless", "--preset", "quintet"],
        ["tokenize", "no-such-file.mid", "--encoder", "yellow"],
        ["infill", "no-such-file.mid", "out.mid", "--track", "1", "--bars", "1"],
        ["practice", "no-such-file.mid", "--headless"],
        ["replay", "no-such-file.jsonl"],
        ["evaluate", "no-such-checkpoint"],
        ["train", "--config", "no-such.toml", "--data", "nowhere", "--out", "nowhere"],
    ],
)
def test_what_is_missing_is_said_in_one_line(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(argv) in (1, 2)
    said = capsys.readouterr()
    assert said.err.startswith("companion: ")
    assert said.err.count("\n") == 1


def without_terminal(*argv: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "companion", *argv]
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False)


def test_without_a_terminal_there_is_no_screen_and_one_line_says_so() -> None:
    done = without_terminal("jam", "--preset", "duo")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "companion: the screen needs a terminal; without one: companion jam --headless\n"


def test_the_demo_plays_without_a_terminal() -> None:
    done = without_terminal("demo", "--bars", "1")
    assert done.returncode == 0, done.stderr
    assert "no terminal here" in done.stderr
    assert "0 hanging" in done.stdout
