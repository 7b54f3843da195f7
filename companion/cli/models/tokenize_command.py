"""`companion tokenize`: show the tokens of some bars of a MIDI file. Bars count from 1."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from companion.cli.options.common import add_command, add_json
from companion.errors import UsageError

if TYPE_CHECKING:
    from companion.tokenizer import EncoderConfig


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    parser = add_command(
        subparsers,
        "tokenize",
        "show a file's tokens",
        "Show the tokens of some bars of a MIDI file. Bars count from 1.",
        "companion tokenize song.mid --encoder yellow --bars 1-4",
    )
    parser.add_argument("input", type=Path, help="MIDI file to read")
    parser.add_argument(
        "--encoder",
        default="yellow",
        help="yellow, ghost, expressive, prism, expressive_v2, an encoder's JSON file or a checkpoint",
    )
    parser.add_argument(
        "--bars", metavar="A-B", help="bars to encode (default: as many from the first as a window can hold)"
    )
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Run the command."""
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
    """Return [start, end) of the bars to encode. The length is one of the encoder's window lengths."""
    if text is None:
        fitting = [length for length in lengths if length <= bar_count]
        if not fitting:
            raise UsageError(
                f"the file has {bar_count} bars, the encoder's windows have {' or '.join(map(str, lengths))}"
            )
        return 0, fitting[-1]
    from companion.cli.options.numbers import parse_bars

    bars = parse_bars(text)
    if bars[-1] >= bar_count:
        raise UsageError(f"bar {bars[-1] + 1} does not exist, the file has {bar_count} bars")
    if len(bars) not in lengths or bars[-1] - bars[0] + 1 != len(bars):
        raise UsageError(f"--bars {text} must be {' or '.join(map(str, lengths))} bars in a row")
    return bars[0], bars[-1] + 1
