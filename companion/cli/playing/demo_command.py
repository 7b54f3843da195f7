"""`companion demo`: a recorded player performs into the real session."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from companion.cli.options.common import add_command, add_json, add_seed, has_terminal
from companion.cli.options.playing import add_model_options, changed_model, checked_bpm, checked_seed
from companion.cli.options.sound import add_sound, add_sound_file, sound_choice
from companion.errors import UsageError

if TYPE_CHECKING:
    from companion.runtime.front.launch import Launcher

PLAYER_NAMES = ("melody", "waltz", "blues", "drums")


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    parser = add_command(
        subparsers,
        "demo",
        "hear and see it without hardware",
        "A recorded player performs into the real session; no hardware, no ports, no network. Without --seed it plays in real "
        "time through the real processes, and no two runs are alike. With --seed and --headless it runs in simulated time, "
        "where the model answers after a fixed time a token: faster than real time, and the same notes every time on the same "
        "machine. With --seed on the screen, the model's choices are seeded, but when they come still depends on the machine.",
        "companion demo --player blues --headless --bars 24 --out blues.mid",
    )
    parser.add_argument("--player", choices=PLAYER_NAMES, default="melody", help="who plays (default: melody)")
    parser.add_argument("--bars", type=int, metavar="N", help="how long (default: 16; on the screen: until you quit)")
    parser.add_argument("--bpm", type=float, metavar="B", help="tempo (default: the piece's own)")
    parser.add_argument(
        "--tracks", type=int, metavar="N", help="how many companion tracks join in (default: all of the piece)"
    )
    add_model_options(parser)
    add_seed(parser, "repeat exactly (see above)")
    parser.add_argument("--headless", action="store_true", help="no screen, a progress line")
    parser.add_argument(
        "--out", type=Path, metavar="FILE.mid", help="with --headless: write what was played (FILE.wav: as sound)"
    )
    add_sound(parser)
    add_sound_file(parser, "write what was played as sound")
    parser.add_argument(
        "--record", type=Path, metavar="DIR", help="keep the recording (log and MIDI file) in this folder"
    )
    add_json(parser, "--headless")


def run(args: argparse.Namespace) -> int | Launcher:
    """Run the demo, with or without the screen."""
    from companion.runtime.players import demo
    from companion.runtime.players.demo import DemoLauncher
    from companion.session.api.settings import ModelSettings

    if not args.headless and (args.json or args.out):
        raise UsageError(f"{'--json' if args.json else '--out'} needs --headless")
    if args.bars is not None and args.bars < 1:
        raise UsageError("--bars must be at least 1")
    if args.tracks is not None and args.tracks < 1:
        raise UsageError("--tracks must be at least 1")
    if args.out is not None and not args.out.parent.is_dir():
        raise UsageError(f"{args.out}: there is no such folder")
    headless = args.headless or not has_terminal()
    options = demo.DemoOptions(
        player=args.player,
        bars=args.bars or (demo.DEFAULT_BARS if headless else 0),
        bpm=0.0 if args.bpm is None else checked_bpm(args.bpm),
        model=changed_model(ModelSettings(), args),
        seed=None if args.seed is None else checked_seed(args.seed),
        tracks=args.tracks or 0,
        out=args.out,
        wav=args.wav,
        sound=sound_choice(args),
        record_dir=args.record,
    )
    if not headless:
        return DemoLauncher(demo.launch_options(options))
    from companion.runtime.front.headless import ProgressLine, summary_text
    from companion.runtime.front.next_steps import next_steps_here
    from companion.runtime.players.demo_run import run_demo

    if not args.headless:
        print("companion: no terminal here, so without the screen (as with --headless)", file=sys.stderr)
    line = ProgressLine(sys.stderr)
    line.write("loading the model …")
    try:
        result = run_demo(options, line.show, line.write)
    finally:
        line.end()
    print(json.dumps(result) if args.json else "\n".join((summary_text(result), *next_steps_here())))
    return 0
