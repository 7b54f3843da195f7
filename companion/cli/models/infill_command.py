"""`companion infill`: fill bars of a MIDI file.

Bars and tracks count from 1 on the command line and in printed text. In `--json` they count from 0, as in Python. The work is done
in `infill_run`, which needs the engine and is imported only when the command runs.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from companion.cli.options.common import add_command, add_json
from companion.cli.options.sound import add_gain, add_sound_file
from companion.inference.requests.request import ENGINES, MASK_MODES

DEFAULT_CHECKPOINT = "yellow"


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    from companion.cli.models.infill_run import run_infill

    return run_infill(args)


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    parser = add_command(
        subparsers,
        "infill",
        "fill bars of a MIDI file",
        "Generate bars of a MIDI file; every other event of the file is written back as it was. Tracks and bars count from 1.",
        "companion infill song.mid new.mid --track 2 --bars 5-8 --hide 1:7-8 --temperature 0.95 --seed 7",
    )
    add = parser.add_argument
    _add_bars(add)
    _add_model(add)
    _add_steps(add)
    _add_music(add)
    add_gain(parser)
    add("--genre", metavar="G", help="one of the checkpoint's genres, such as jazz")
    add_sound_file(parser, "also write the filled song as sound")
    add_json(parser)


def _add_bars(add: Callable[..., object]) -> None:
    """Which files, tracks and bars."""
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


def _add_model(add: Callable[..., object]) -> None:
    """What writes, and how it draws."""
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


def _add_steps(add: Callable[..., object]) -> None:
    """What is written together."""
    add("--bars-per-step", default="auto", metavar="N", help="bars generated together (default: all that fit)")
    add("--tracks-per-step", default="auto", metavar="N", help="tracks generated together (default: all)")
    add(
        "--keep-order",
        action="store_true",
        help="keep the file's order of tracks: else a step's only track stands last",
    )


def _add_music(add: Callable[..., object]) -> None:
    """What the music is to be like."""
    add(
        "--chords",
        type=Path,
        metavar="CHART",
        help="a chord chart whose bars are the file's; for checkpoints trained with chord guides",
    )
    add("--allow-rests", action="store_true", help="a generated bar may be empty")
    add(
        "--attribute", action="append", default=[], metavar="NAME=LEVEL", help="level for the filled tracks; repeatable"
    )
