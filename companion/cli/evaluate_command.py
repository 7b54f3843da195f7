"""`companion evaluate`: measure a checkpoint on held-out music."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from companion.errors import TrainingError, UsageError
from companion.session.api.limits import ENGINES

EXAMPLE = "example: companion evaluate yellow --data music/ --plot yellow.png"


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "evaluate",
        help="measure a checkpoint on held-out music",
        description="Bits a token and a note, quality of infilled bars, control, following, copying and validity of a "
        "checkpoint, each beside its baselines, on the held-out part of a folder of MIDI files (split by splits.tsv where there "
        "is one).",
        epilog=EXAMPLE,
    )
    parser.add_argument("checkpoint", nargs="?", help="a shipped checkpoint's name, or a file")
    parser.add_argument(
        "--recognition",
        action="store_true",
        help="measure the recognition of chords instead, on songs with chords.jsonl beside them; needs no checkpoint",
    )
    parser.add_argument("--data", type=Path, default=Path("data"), help="folder with MIDI files (default: data)")
    parser.add_argument("--split", default="test", choices=("train", "valid", "test"))
    parser.add_argument("--bars", type=int, default=8, metavar="N", help="window length (default 8)")
    parser.add_argument(
        "--windows",
        type=int,
        default=100,
        metavar="N",
        help="windows measured, or songs of each set (default 100)",
    )
    parser.add_argument("--engine", default="auto", choices=ENGINES)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cache", type=Path, help="where read music is kept (default: the user's cache folder)")
    parser.add_argument("--plot", type=Path, metavar="FILE.png", help="piano rolls and scores as a picture")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    if args.recognition:
        return _run_recognition(args)
    if args.checkpoint is None:
        raise UsageError("name a checkpoint, or ask for --recognition")
    from companion.inference.checkpoints.hub import find_checkpoint

    path = find_checkpoint(args.checkpoint)
    if not args.data.is_dir():
        raise TrainingError(f"no folder {args.data} (name the music with --data)")
    import platformdirs

    from companion.evaluation.report import EvaluationOptions, evaluate, lines

    share = args.windows / 100
    options = EvaluationOptions(
        data=args.data,
        cache=args.cache or platformdirs.user_cache_path("companion") / "evaluation",
        split=args.split,
        bars=args.bars,
        windows=args.windows,
        generated=max(4, round(40 * share)),
        control_each=max(2, round(8 * share)),
        following=max(2, round(12 * share)),
        validity=args.windows,
        seed=args.seed,
        engine=args.engine,
        plot=args.plot,
    )
    options.cache.mkdir(parents=True, exist_ok=True)
    report = evaluate(path, options, lambda line: print(f"{line} …", file=sys.stderr))
    print(json.dumps(report) if args.json else "\n".join(lines(report)))
    return 0


def _run_recognition(args: argparse.Namespace) -> int:
    if not args.data.is_dir():
        raise TrainingError(f"no folder {args.data} (name the music with --data)")
    from companion.evaluation import recognition

    songs = list(recognition.known_songs(args.data, args.split, args.windows, args.seed))
    report = recognition.measure_recognition(songs, args.seed)
    print(json.dumps(report) if args.json else "\n".join(recognition.lines(report)))
    return 0
