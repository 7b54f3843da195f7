"""`companion checkpoints`: list the installed checkpoints and what they can do, or download one."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from companion.cli.options.common import add_command, add_json
from companion.errors import CompanionError, UsageError

if TYPE_CHECKING:
    from companion.inference.checkpoints.capabilities import Capabilities


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    parser = add_command(
        subparsers,
        "checkpoints",
        "list or download checkpoints",
        "List the checkpoints here with what they can do and which of their sizes would run on this machine, or download one "
        "from the Hugging Face hub.",
        "companion checkpoints pull yellow_medium",
    )
    parser.add_argument("action", nargs="?", choices=("list", "pull"), default="list")
    parser.add_argument("name", nargs="?", help="name to pull, or the only checkpoint (name or path) to list")
    parser.add_argument(
        "--matrix", action="store_true", help="mask modes × checkpoints × model_dim, as a Markdown table"
    )
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    if args.action == "pull":
        return _pull(args)
    if args.matrix:
        print(_matrix(args.name))
        return 0
    from companion.cli.models.checkpoint_sizes import families, print_sizes, size_names

    rows, faults = _installed(args.name)
    several = families(Path(row.path) for row in rows)
    if args.json:
        names = size_names(several)
        sizes = [dict(zip(("family", "size"), names.get(row.path, (row.name, row.name)), strict=True)) for row in rows]
        print(json.dumps([{**row.to_dict(), **size} for row, size in zip(rows, sizes, strict=True)]))
    else:
        for row in rows:
            _print_capabilities(row)
        print_sizes(several)
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
    """Return the capabilities of the named checkpoint or of all installed ones, and the errors of those that cannot be read."""
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
    """Return the matrix for the named checkpoint, or for the shipped encoders that the shipped checkpoints use."""
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
    if row.genres:
        print(f"  genres       {', '.join(row.genres)}")
    if row.switches:
        print(f"  switches     {', '.join(row.switches)} can be switched off")
    if row.unknown_controls:
        print(f"  not known    {', '.join(row.unknown_controls)}: it plays without them")
    print(f"  chord guide  {'yes' if row.chord_guide else 'no'}")
