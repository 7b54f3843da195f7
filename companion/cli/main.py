"""The command line: where each command lives, how errors end, and what `companion` without a command does.

Each command's module is imported only when that command runs, so `companion --help` loads no torch, no Textual and no
MIDI driver. A command module offers `add_parser(subparsers)` and `run(args) -> int`.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from companion import __version__
from companion.cli.options.common import OneLineParser, has_terminal
from companion.errors import CompanionError, UsageError
from companion.without import TLS, without


@dataclass(frozen=True, slots=True)
class CommandEntry:
    """The module of a command, and the line that `companion --help` shows for it."""

    module: str
    summary: str


COMMANDS: dict[str, CommandEntry] = {
    "jam": CommandEntry(
        "companion.cli.playing.jam_command", "play live: MIDI in, infilled parts out, in time with the clock"
    ),
    "practice": CommandEntry(
        "companion.cli.playing.practice_command", "a song file or chord chart as backing that listens to you"
    ),
    "set": CommandEntry("companion.cli.playing.set_command", "play a set list: songs in order, each prepared ahead"),
    "demo": CommandEntry(
        "companion.cli.playing.demo_command", "hear and see it without hardware: a recorded player performs"
    ),
    "attach": CommandEntry("companion.cli.playing.attach_command", "a further screen on a running performance"),
    "serve": CommandEntry("companion.cli.playing.serve_command", "that screen in a browser, such as a phone's"),
    "infill": CommandEntry("companion.cli.models.infill_command", "fill bars of a MIDI file"),
    "replay": CommandEntry("companion.cli.playing.replay_command", "play a recorded performance again, note for note"),
    "ports": CommandEntry("companion.cli.ports_command", "list MIDI ports"),
    "doctor": CommandEntry(
        "companion.cli.measuring.doctor_command", "what this machine can do, what is wrong, and how to fix it"
    ),
    "engine": CommandEntry(
        "companion.cli.playing.engine_command", "let another machine play with this machine's engine"
    ),
    "checkpoints": CommandEntry("companion.cli.models.checkpoints_command", "list or download checkpoints"),
    "tokenize": CommandEntry("companion.cli.models.tokenize_command", "show a file's tokens"),
    "presets": CommandEntry("companion.cli.presets_command", "list presets, or print one"),
    "bench": CommandEntry("companion.cli.measuring.bench_command", "measure the engines and the real-time path"),
    "train": CommandEntry("companion.cli.models.train_command", "make a checkpoint"),
    "evaluate": CommandEntry("companion.cli.measuring.evaluate_command", "measure a checkpoint on held-out music"),
}

USAGE = """\
usage: companion [command] [options]

A real-time MIDI performance companion. Without a command: the terminal UI with the last used preset.

commands:
{commands}

  companion COMMAND --help    the options of one command, with an example
  companion --version

try first:  companion demo
"""


def overview() -> str:
    """Return the text of `companion --help`."""
    rows = (f"  {name:<12} {entry.summary}" for name, entry in COMMANDS.items())
    return USAGE.format(commands="\n".join(rows))


def run(argv: Sequence[str]) -> int:
    """Run one command line. Our own errors become one line on standard error and an exit status."""
    for stream in (sys.stdout, sys.stderr):
        # Names of files and parts may hold any character. A terminal that lacks a character shows an escape for it.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        return _dispatch(list(argv))
    except CompanionError as error:
        from companion.music.text import printable

        print(f"companion: {printable(str(error))}", file=sys.stderr)
        return error.exit_status
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader of our output has gone (`| head`). Say nothing more, not even at interpreter exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _dispatch(argv: list[str]) -> int:
    if argv and argv[0] in ("-h", "--help", "help"):
        print(overview(), end="")
        return 0
    if argv and argv[0] == "--version":
        print(f"companion {__version__}")
        return 0
    if not argv:
        argv = ["jam"]
    name = argv[0]
    if name not in COMMANDS:
        what = "unknown option" if name.startswith("-") else "no such command"
        print(f"companion: {what}: {name} (commands: {', '.join(COMMANDS)})", file=sys.stderr)
        return 2
    module = import_module(COMMANDS[name].module)
    parser = OneLineParser(prog="companion", add_help=False)
    module.add_parser(parser.add_subparsers(dest="command", required=True, metavar="COMMAND"))
    try:
        args = parser.parse_args(argv)
    except SystemExit as stop:  # argparse has printed the help
        return stop.code if isinstance(stop.code, int) else 2
    return _run(module, args)


def _run(module: Any, args: argparse.Namespace) -> int:
    """Run a command here, or in the terminal UI if its module returns something to show there."""
    outcome = module.run(args)
    if isinstance(outcome, int):
        return outcome
    if not has_terminal():
        raise UsageError(f"the screen needs a terminal; without one: companion {args.command} --headless")
    # The processes of the performance load while the screen does. That of another screen runs already.
    performance = None if getattr(outcome, "attached", False) else outcome()
    try:
        # The screen runs on asyncio and opens no connection: TLS alone would take 5 MB.
        with without(TLS):
            import asyncio  # noqa: F401
        from companion.tui.app import run_app

        status = run_app(outcome, performance)
    except BaseException:
        if performance is not None:
            performance.stop()
        raise
    if finish := getattr(outcome, "finish", None):
        finish()
    return status
