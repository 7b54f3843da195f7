"""`companion set`: play a set list, on the screen or without it.

Heavy modules are imported only when the command runs, so that help appears at once.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from companion.cli.options.common import add_command, add_midi_ports, add_seed
from companion.cli.options.playing import add_intro, add_performance_options, checked_ports, checked_seed
from companion.cli.options.sound import sound_choice
from companion.errors import UsageError

if TYPE_CHECKING:
    from companion.runtime.front.launch import Launcher
    from companion.runtime.front.performance import LaunchOptions


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    parser = add_command(
        subparsers,
        "set",
        "play a set list",
        "Play a set list: songs, charts and progressions in order, each with its preset, tempo and notes to self.",
        "companion set evening",
        "companion set friday.toml --entry 3 --clock external",
    )
    parser.add_argument("file", metavar="FILE", help="a set list in TOML, or the name of a shipped one (evening)")
    parser.add_argument("--entry", type=int, default=1, metavar="N", help="begin with this entry (default: 1)")
    parser.add_argument("--check", action="store_true", help="only say what is in it, and what cannot be played")
    add_midi_ports(parser)
    parser.add_argument(
        "--clock", choices=("external", "internal"), default="internal", help="whose time (default: internal)"
    )
    parser.add_argument(
        "--count-in", type=int, default=1, metavar="N", help="bars of clicks before a start (default: 1)"
    )
    add_intro(parser)
    parser.add_argument("--click", action="store_true", help="a click on every beat")
    add_seed(parser)
    add_performance_options(parser)


def run(args: argparse.Namespace) -> int | Launcher:
    """Check the set list, play it headless, or return what the screen is to show. Raises CompanionError."""
    from companion.runtime.front.launch import Launcher

    if args.json and not args.headless:
        raise UsageError("--json needs --headless")
    options = set_options(args)
    settings = options.settings
    for line in settings.remarks:
        print(f"companion: {line}", file=sys.stderr)
    if args.check:
        for number, entry in enumerate(settings.set_list, start=1):
            print(f"{number:>3}  {entry.title}")
        return 0
    if args.headless:
        from companion.runtime.front.headless import run_headless

        return run_headless(options, as_json=args.json)
    return Launcher(options)


def set_options(args: argparse.Namespace) -> LaunchOptions:
    """Return what the command line asks for. Raises UsageError, ConfigError."""
    from companion.config.presets import PortChoice
    from companion.config.set_lists import find_set_list, load_set_list
    from companion.practice.set_list import make_set
    from companion.runtime.front.performance import LaunchOptions
    from companion.session.api.settings import ClockSettings

    if not 0 <= args.count_in <= 16:
        raise UsageError("--count-in must be from 0 to 16 bars")
    clock = ClockSettings(args.clock, count_in_bars=args.count_in, click=args.click)
    made = make_set(load_set_list(find_set_list(args.file)), clock, args.intro or 0)
    if not 1 <= args.entry <= len(made.entries):
        raise UsageError(f"--entry must be from 1 to {len(made.entries)}")
    first = made.entries[args.entry - 1].settings
    if args.seed is not None:
        first = replace(first, model=replace(first.model, seed=checked_seed(args.seed)))
    settings = replace(first, set_list=made.entries, first_entry=args.entry - 1, remarks=made.complaints)
    return LaunchOptions(
        settings=settings,
        ports=checked_ports(PortChoice(), args),
        title=made.title,
        record_dir=args.record,
        sound_file=args.wav,
        sound=sound_choice(args),
        osc=args.osc,
    )
