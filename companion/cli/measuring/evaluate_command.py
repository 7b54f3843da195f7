"""`companion evaluate`: measure a checkpoint on held-out music."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from companion.errors import TrainingError, UsageError
from companion.session.api.limits import ENGINES

if TYPE_CHECKING:
    from companion.evaluation.progress import Progress
    from companion.evaluation.report import EvaluationOptions

EXAMPLE = "example: companion evaluate yellow --data music/ --chords"


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "evaluate",
        help="measure a checkpoint on held-out music",
        description="Bits a token and a note, quality of infilled bars, control, following, copying and validity of a "
        "checkpoint, each beside its baselines and its ceiling and with a 95 % interval, on the held-out part of a folder of "
        "MIDI files (split by splits.tsv where there is one). --chords, --reaction and --takes are measurements of their own.",
        epilog=EXAMPLE,
    )
    parser.add_argument("checkpoint", nargs="?", help="a shipped checkpoint's name, or a file")
    parser.add_argument("--data", type=Path, default=Path("data"), help="folder with MIDI files (default: data)")
    parser.add_argument("--split", default="test", choices=("train", "valid", "test"))
    parser.add_argument("--bars", type=int, default=8, metavar="N", help="window length (default 8)")
    parser.add_argument(
        "--windows",
        type=int,
        default=200,
        metavar="N",
        help="windows measured, or songs of each set for --recognition (default 200)",
    )
    one = parser.add_mutually_exclusive_group()
    one.add_argument(
        "--chords",
        action="store_true",
        help="do its notes keep to the chords? On held-out songs whose chords are known (chords.jsonl) and on the shipped "
        "charts, with the chord guide and without, with the dials and without",
    )
    one.add_argument(
        "--recognition",
        action="store_true",
        help="measure the recognition of chords instead, on songs with chords.jsonl beside them; needs no checkpoint",
    )
    one.add_argument(
        "--reaction", action="store_true", help="how many bars until its notes fit after the player has changed key?"
    )
    one.add_argument(
        "--live",
        action="store_true",
        help="play whole performances through the real session in simulated time: how far does it share the player's pitch "
        "classes, chorus by chorus, when it can only hear and expect the chords? And how fast does it follow a new key?",
    )
    one.add_argument(
        "--takes",
        action="store_true",
        help="what it brings to choose each bar among 2 or 4 takes, and how long it takes",
    )
    parser.add_argument("--engine", default="auto", choices=ENGINES)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cache", type=Path, help="where read music is kept (default: the user's cache folder)")
    parser.add_argument(
        "--plot",
        type=Path,
        metavar="FILE.png",
        help="piano rolls and scores as a picture; with --recognition three pictures, the others named FILE-errors and FILE-confidence",
    )
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
    from companion.cli.measuring.progress_bar import ProgressBar

    options = _options(args)
    options.cache.mkdir(parents=True, exist_ok=True)
    with ProgressBar() as progress:
        report, text = _measure(path, options, args, progress)
    print(json.dumps(report) if args.json else "\n".join(text))
    return 0


def _options(args: argparse.Namespace) -> EvaluationOptions:
    import platformdirs

    from companion.evaluation.report import EvaluationOptions

    share = args.windows / 200
    return EvaluationOptions(
        data=args.data,
        cache=args.cache or platformdirs.user_cache_path("companion") / "evaluation",
        split=args.split,
        bars=args.bars,
        windows=args.windows,
        generated=max(4, round(80 * share)),
        control_each=max(2, round(12 * share)),
        following=max(2, round(20 * share)),
        performances=max(2, round(40 * share)),
        validity=max(4, round(100 * share)),
        seed=args.seed,
        engine=args.engine,
        plot=args.plot,
    )


def _run_recognition(args: argparse.Namespace) -> int:
    if not args.data.is_dir():
        raise TrainingError(f"no folder {args.data} (name the music with --data)")
    from companion.evaluation.harmony import expectation, plots, recognition

    songs = list(recognition.known_songs(args.data, args.split, args.windows, args.seed))
    report = recognition.measure_recognition(songs, args.seed)
    report["expectation"] = expectation.measure_expectation(songs)
    if args.plot:
        plots.plot_all(songs, report, args.plot)
    print(
        json.dumps(report)
        if args.json
        else "\n".join((*recognition.lines(report), *expectation.lines(report["expectation"])))
    )
    return 0


def _measure(
    path: Path, options: EvaluationOptions, args: argparse.Namespace, progress: Progress
) -> tuple[dict[str, Any], list[str]]:
    """Return the requested report, as data and as lines."""
    if args.chords:
        from companion.cli.measuring.evaluate_charts import chart_lines, measure_charts
        from companion.evaluation.harmony.focus import chord_lines, evaluate_chords

        report = evaluate_chords(path, options, progress)
        report["charts"] = measure_charts(path, options.engine, options.seed, progress)
        return report, [*chord_lines(report), *chart_lines(report["charts"])]
    if args.takes:
        from companion.evaluation.choice import choice_lines, evaluate_choice

        report = evaluate_choice(path, options, progress)
        return report, list(choice_lines(report))
    if args.reaction:
        from companion.evaluation.harmony.focus import evaluate_reaction, reaction_lines

        report = evaluate_reaction(path, options, progress)
        return report, list(reaction_lines(report))
    if args.live:
        from companion.evaluation.live.rolling import evaluate_live, live_lines

        report = evaluate_live(path, options, progress)
        return report, list(live_lines(report))
    from companion.evaluation.report import evaluate, lines

    report = evaluate(path, options, progress)
    return report, list(lines(report))
