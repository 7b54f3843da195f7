"""Options that commands share: help with an example, errors in one line, ports and `--json`; also whether there is a terminal.
This module knows no command.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any, NoReturn

from companion.errors import UsageError


class OneLineParser(argparse.ArgumentParser):
    """A parser that raises UsageError for wrong options instead of printing the whole usage. Parsers of commands are of the same kind."""

    def error(self, message: str) -> NoReturn:
        """Raise UsageError with one line that says what is wrong and where the options are explained."""
        words = message.replace("argument ", "", 1) if message.startswith("argument ") else message
        raise UsageError(f"{words} ({self.prog} --help explains)")


def add_command(subparsers: Any, name: str, summary: str, description: str, *examples: str) -> argparse.ArgumentParser:
    """Add a command's parser, with one or more examples at the end of its help."""
    if len(examples) == 1:
        epilog = f"example: {examples[0]}"
        return subparsers.add_parser(name, help=summary, description=description, epilog=epilog)
    return subparsers.add_parser(
        name,
        help=summary,
        description=description,
        epilog="\n".join(("examples:", *(f"  {example}" for example in examples))),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def add_json(parser: argparse.ArgumentParser, when: str = "") -> None:
    """Add `--json`. when: the option that it needs."""
    needs = f"with {when}: " if when else ""
    parser.add_argument("--json", action="store_true", help=f"{needs}one JSON object on standard output")


def add_midi_ports(parser: argparse.ArgumentParser) -> None:
    """Add `--in` and `--out`, stored as `input` and `output`."""
    for flag, direction in (("--in", "input"), ("--out", "output")):
        words = f"MIDI {direction}: name or part of it, or none"
        parser.add_argument(flag, dest=direction, metavar="PORT", help=words)


def add_seed(parser: argparse.ArgumentParser, words: str = "seed of the model's choices (default: drawn anew)") -> None:
    """Add `--seed`."""
    parser.add_argument("--seed", type=int, metavar="S", help=words)


def add_record(parser: argparse.ArgumentParser) -> None:
    """Add `--record`."""
    words = "where recordings are kept (default: your data folder)"
    parser.add_argument("--record", type=Path, metavar="DIR", help=words)


def add_osc(parser: argparse.ArgumentParser) -> None:
    """Add `--osc`."""
    words = "let other programs lead by OSC, on this machine or at a network address (see docs/osc.md)"
    parser.add_argument("--osc", default="", metavar="[HOST:]PORT", help=words)


def in_browser() -> bool:
    """Whether a browser takes the terminal's place: textual-serve names another driver for it."""
    return bool(os.environ.get("TEXTUAL_DRIVER"))


def has_terminal() -> bool:
    """Whether there is a screen to draw on and to read keys from. Textual uses the process's own standard input and error."""
    streams = (sys.__stdin__, sys.__stderr__)
    return in_browser() or all(stream is not None and stream.isatty() for stream in streams)
