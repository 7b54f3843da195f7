"""`companion doctor`: measure this machine, and say what is wrong and how to fix it."""

from __future__ import annotations

import argparse
import json
from typing import Any

from companion.cli.options.common import add_command, add_json
from companion.cli.options.playing import add_engine, check_checkpoint
from companion.session.api.engine_names import is_remote
from companion.session.api.settings import ModelSettings


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    parser = add_command(
        subparsers,
        "doctor",
        "what this machine can do, what is wrong, and how to fix it",
        "Measure this machine with each checkpoint, and say what is wrong and how to fix it.",
        "companion doctor --checkpoint yellow",
        "companion doctor --engine tcp://192.168.1.20:5577   an engine on another machine",
    )
    parser.add_argument("--checkpoint", action="append", metavar="C", help="measure this one only (may be repeated)")
    add_engine(parser, default="auto")
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Inspect and measure the machine. The exit status is 0 even if something could be better."""
    from companion.runtime.machine.doctor import examine, text_of

    for name in args.checkpoint or ():
        check_checkpoint(name)
    if is_remote(args.engine):
        from companion.runtime.remote_engine.examination import examine_remote, remote_text

        found = examine_remote(args.engine, (args.checkpoint or [ModelSettings().checkpoint])[0])
        print(json.dumps(found) if args.json else remote_text(found))
        return 0
    findings = examine(args.checkpoint, args.engine)
    print(json.dumps(findings) if args.json else text_of(findings))
    return 0
