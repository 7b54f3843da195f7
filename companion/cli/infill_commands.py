"""`companion infill`, `companion tokenize` and `companion checkpoints`.

Bars and tracks count from 1 on the command line and in what is printed; in `--json` they count from 0, as in Python. Nothing
heavy is imported before a command runs.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from companion.cli.options import add_command, add_json, add_sound_file
from companion.errors import CompanionError, UsageError
from companion.inference.requests.request import ENGINES, MASK_MODES

if TYPE_CHECKING:
    from companion.inference.checkpoints.capabilities import Capabilities
    from companion.tokenizer import EncoderConfig

DEFAULT_CHECKPOINT = "yellow"


def add_parser(subparsers: Any) -> None:
    """Add the three commands."""
    _add_infill(subparsers)
    _add_tokenize(subparsers)
    _add_checkpoints(subparsers)


def run(args: argparse.Namespace) -> int:
    """Run the command that was chosen."""
    return {"infill": _infill, "tokenize": _tokenize, "checkpoints": _checkpoints}[args.command](args)


def _infill(args: argparse.Namespace) -> int:
    from companion.cli.infill_run import run_infill

    return run_infill(args)


def _add_infill(subparsers: Any) -> None:
    parser = add_command(
        subparsers,
        "infill",
        "fill bars of a MIDI file",
        "Generate bars of a MIDI file; every other bar is written back as it was. Tracks and bars count from 1.",
        "companion infill song.mid new.mid --track 2 --bars 5-8 --hide 1:7-8 --temperature 0.95 --seed 7",
    )
    add = parser.add_argument
    add("input", type=Path, help="MIDI file to read")
    add(
        "output", type=Path, help="MIDI file to write (FILE.wav: sound); more takes go to OUTPUT.2.mid, OUTPUT.3.mid, …"
    )
    add(
        "--track",
        action="append",
        required=True,
        metavar="T[:BARS]",
        help="track to fill, with its own bars if given; repeatable",
    )
    add("--bars", metavar="BARS", help="bars to fill, such as 5-8 or 3,7-8")
    add(
        "--hide",
        action="append",
        default=[],
        metavar="T:BARS",
        help="bars the model must not see; they are kept; repeatable",
    )
    add(
        "--ignore",
        action="append",
        default=[],
        type=int,
        metavar="T",
        help="track to leave out of the context; repeatable",
    )
    add(
        "--autoregressive",
        action="store_true",
        help="continue the tracks left to right instead; BARS must reach their end",
    )
    add("--checkpoint", default=DEFAULT_CHECKPOINT, help="name or path (default: %(default)s)")
    add("--engine", default="auto", choices=ENGINES)
    add("--model-dim", default="auto", metavar="N", help="bars the model sees at once (default: the most that fit)")
    add("--mask-mode", default="auto", choices=MASK_MODES)
    for name, kind, default in (
        ("temperature", float, 1.0),
        ("top-p", float, 1.0),
        ("top-k", int, 0),
        ("mask-p", float, 0.0),
        ("mask-k", int, 0),
        ("seed", int, -1),
        ("takes", int, 1),
        ("max-attempts", int, 3),
        ("polyphony-limit", int, 0),
        ("density-limit", int, 0),
    ):
        add(f"--{name}", type=kind, default=default, metavar="N", help="default: %(default)s")
    add("--bars-per-step", default="auto", metavar="N", help="bars generated together (default: all that fit)")
    add("--tracks-per-step", default="auto", metavar="N", help="tracks generated together (default: all)")
    add(
        "--keep-order",
        action="store_true",
        help="keep the file's order of tracks: else a step's only track stands last",
    )
    add("--allow-rests", action="store_true", help="a generated bar may be empty")
    add(
        "--attribute", action="append", default=[], metavar="NAME=LEVEL", help="level for the filled tracks; repeatable"
    )
    add_sound_file(parser, "also write the filled song as sound")
    add_json(parser)


def _add_tokenize(subparsers: Any) -> None:
    parser = add_command(
        subparsers,
        "tokenize",
        "show a file's tokens",
        "Show the tokens of some bars of a MIDI file. Bars count from 1.",
        "companion tokenize song.mid --encoder yellow --bars 1-4",
    )
    parser.add_argument("input", type=Path, help="MIDI file to read")
    parser.add_argument(
        "--encoder", default="yellow", help="yellow, ghost, expressive, an encoder's JSON file or a checkpoint"
    )
    parser.add_argument(
        "--bars", metavar="A-B", help="bars to encode (default: as many from the first as a window can hold)"
    )
    add_json(parser)


def _add_checkpoints(subparsers: Any) -> None:
    parser = add_command(
        subparsers,
        "checkpoints",
        "list or download checkpoints",
        "List the checkpoints here with what they can do, or download one from the Hugging Face hub.",
        "companion checkpoints pull yellow_medium",
    )
    parser.add_argument("action", nargs="?", choices=("list", "pull"), default="list")
    parser.add_argument("name", nargs="?", help="name to pull, or the only checkpoint (name or path) to list")
    parser.add_argument(
        "--matrix", action="store_true", help="mask modes × checkpoints × model_dim, as a Markdown table"
    )
    add_json(parser)


# -- tokenize -----------------------------------------------------------------------------------------------------------


def _tokenize(args: argparse.Namespace) -> int:
    from companion.midi.file import read_midi
    from companion.tokenizer import Tokenizer

    score = read_midi(args.input)
    tokenizer = Tokenizer(_encoder_config(args.encoder))
    start, end = _token_window(args.bars, score.bar_count, sorted(tokenizer.config.num_bars_map))
    ids = tokenizer.encode(score.window(start, end)).ids
    names = [tokenizer.vocabulary.describe(token) for token in ids]
    if args.json:
        print(json.dumps({"encoder": args.encoder, "bars": [start + 1, end], "ids": ids, "tokens": names}))
        return 0
    for token, name in zip(ids, names, strict=True):
        print(f"{token:>5}  {name}")
    return 0


def _encoder_config(name: str) -> EncoderConfig:
    from companion.tokenizer import EncoderConfig

    if Path(name).is_dir() or Path(name).suffix in (".pt", ".safetensors"):
        from companion.inference.checkpoints.files import load_checkpoint

        return load_checkpoint(name).encoder_config
    return EncoderConfig.load(name)


def _token_window(text: str | None, bar_count: int, lengths: list[int]) -> tuple[int, int]:
    """[start, end) of the bars to encode, one of the encoder's window lengths."""
    if text is None:
        fitting = [length for length in lengths if length <= bar_count]
        if not fitting:
            raise UsageError(
                f"the file has {bar_count} bars, the encoder's windows have {' or '.join(map(str, lengths))}"
            )
        return 0, fitting[-1]
    from companion.cli.numbers import parse_bars

    bars = parse_bars(text)
    if bars[-1] >= bar_count:
        raise UsageError(f"bar {bars[-1] + 1} does not exist, the file has {bar_count} bars")
    if len(bars) not in lengths or bars[-1] - bars[0] + 1 != len(bars):
        raise UsageError(f"--bars {text} must be {' or '.join(map(str, lengths))} bars in a row")
    return bars[0], bars[-1] + 1


# -- checkpoints --------------------------------------------------------------------------------------------------------


def _checkpoints(args: argparse.Namespace) -> int:
    if args.action == "pull":
        return _pull(args)
    if args.matrix:
        print(_matrix(args.name))
        return 0
    rows, faults = _installed(args.name)
    if args.json:
        print(json.dumps([row.to_dict() for row in rows]))
    else:
        for row in rows:
            _print_capabilities(row)
        if not rows:
            print("no checkpoint is installed; get one with: companion checkpoints pull NAME")
    for fault in faults:
        print(f"companion: {fault}", file=sys.stderr)
    return 1 if faults else 0


def _pull(args: argparse.Namespace) -> int:
    from companion.inference.checkpoints.hub import pull_checkpoint

    if not args.name:
        raise UsageError("which checkpoint? For example: companion checkpoints pull yellow_medium")
    path = pull_checkpoint(args.name)
    print(json.dumps({"name": args.name, "path": str(path)}) if args.json else path)
    return 0


def _installed(name: str | None) -> tuple[list[Capabilities], list[str]]:
    """Capabilities of the named checkpoint or of all installed ones, and the faults of those that cannot be read."""
    from companion.inference.checkpoints.capabilities import capabilities
    from companion.inference.checkpoints.files import load_checkpoint
    from companion.inference.checkpoints.hub import find_checkpoint, installed_checkpoints

    if name:
        return [capabilities(load_checkpoint(find_checkpoint(name)))], []
    rows: list[Capabilities] = []
    faults: list[str] = []
    for path in installed_checkpoints():
        try:
            rows.append(capabilities(load_checkpoint(path)))
        except CompanionError as error:
            faults.append(str(error))
    return rows, faults


def _matrix(name: str | None) -> str:
    """Of the named checkpoint, or of the shipped encoders, which the shipped checkpoints use."""
    from companion.inference.checkpoints.capabilities import SHIPPED_ENCODERS, encoder_capabilities, matrix_markdown
    from companion.tokenizer import EncoderConfig

    if name:
        return matrix_markdown(_installed(name)[0])
    return matrix_markdown([encoder_capabilities(EncoderConfig.load(encoder), encoder) for encoder in SHIPPED_ENCODERS])


def _print_capabilities(row: Capabilities) -> None:
    print(f"{row.name}  ({row.parameters / 1e6:.1f} M parameters, {row.vocab_size} tokens, {row.path})")
    print(f"  model_dim    {', '.join(map(str, row.num_bars_map))} bars")
    print(f"  mask modes   {', '.join(row.mask_modes)}")
    print(f"  attributes   {', '.join(row.attributes)}")
    print(f"  microtiming  {'yes' if row.microtiming else 'no'}, {row.velocity_levels} velocity levels")
    print(f"  chord guide  {'yes' if row.chord_guide else 'no'}")
