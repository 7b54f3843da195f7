"""`companion presets`: list presets, or print one as TOML."""

from __future__ import annotations

import argparse
import json
from typing import Any

from companion.cli.options.common import add_command, add_json
from companion.config.presets import list_presets, load_preset, preset_document


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    parser = add_command(
        subparsers,
        "presets",
        "list presets, or print one",
        "List the presets that `companion jam --preset NAME` knows, or print one.",
        "companion presets trio > mine.toml",
    )
    parser.add_argument("name", nargs="?", help="print this preset as TOML")
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    if args.name:
        document = preset_document(load_preset(args.name))
        if args.json:
            print(json.dumps(document))
            return 0
        import tomli_w

        print(tomli_w.dumps(document), end="")
        return 0
    rows = [(name, load_preset(str(path)).title, str(path)) for name, path in list_presets()]
    if args.json:
        print(json.dumps([{"name": name, "title": title, "path": path} for name, title, path in rows]))
    else:
        for name, title, _ in rows:
            print(f"{name:<20} {title}")
    return 0
