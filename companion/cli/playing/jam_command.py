"""`companion jam`: play live, on the screen or without it."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from companion.cli.options.common import add_command, add_midi_ports, add_seed
from companion.cli.options.playing import (
    add_chord_options,
    add_intro,
    add_model_options,
    add_performance_options,
    add_trading_options,
    checked_ports,
    settings_from_args,
)
from companion.cli.options.sound import sound_choice
from companion.errors import UsageError
from companion.session.api import limits

# The words of the dial, as they are typed.
REWRITE_WORDS: dict[str, RewriteDial] = {"never": "never", "half": "half bar", "beat": "beat"}

if TYPE_CHECKING:
    from companion.runtime.front.launch import Launcher
    from companion.runtime.front.performance import LaunchOptions
    from companion.session.api.settings import RewriteDial


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    parser = add_command(
        subparsers,
        "jam",
        "play live",
        "Play live: MIDI in, infilled parts out, in time with the clock. Opens the terminal UI, or runs without it.",
        "companion jam --preset trio --in Keystation --out IAC --clock external",
    )
    parser.add_argument("--preset", metavar="P", help="a preset's name or file (default: the last one used)")
    add_midi_ports(parser)
    parser.add_argument(
        "--clock", choices=limits.CLOCK_SOURCES, help="whose time: MIDI clock, ours, Ableton Link, JACK"
    )
    parser.add_argument("--bpm", type=float, metavar="B", help="tempo of the internal clock, 10 to 400")
    add_intro(parser)
    add_chord_options(parser)
    parser.add_argument(
        "--rewrite", choices=REWRITE_WORDS, help="how finely the bar that sounds is rewritten when you contradict it"
    )
    add_trading_options(parser)
    add_model_options(parser)
    add_seed(parser)
    add_performance_options(parser)


def run(args: argparse.Namespace) -> int | Launcher:
    """Play live."""
    from companion.runtime.front.launch import Launcher

    if args.json and not args.headless:
        raise UsageError("--json needs --headless")
    options = jam_options(args)
    if args.headless:
        from companion.runtime.front.headless import run_headless

        return run_headless(options, as_json=args.json)
    return Launcher(options)


def jam_options(args: argparse.Namespace) -> LaunchOptions:
    """Return what the command line asks for. Raises UsageError, ConfigError."""
    from companion.config.presets import load_preset, remember_used
    from companion.runtime.front.performance import LaunchOptions

    preset = load_preset(args.preset)
    if args.preset is not None:
        remember_used(preset)
    settings = settings_from_args(preset.settings, args)
    if args.rewrite is not None:
        settings = replace(settings, rewrite=REWRITE_WORDS[args.rewrite])
    return LaunchOptions(
        settings=settings,
        ports=checked_ports(preset.ports, args),
        title=preset.title,
        preset=preset,
        record_dir=args.record,
        sound_file=args.wav,
        sound=sound_choice(args),
        osc=args.osc,
    )
