"""`companion ports`: list the MIDI ports."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from companion.cli.options.common import add_command, add_json


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    add_json(
        add_command(subparsers, "ports", "list MIDI ports", "List the MIDI ports there are.", "companion ports --json")
    )


def run(args: argparse.Namespace) -> int:
    """List ports."""
    from companion.midi.port_lists import list_ports
    from companion.music.text import printable

    ports = list_ports()
    if args.json:
        inputs = [{"name": name, "driver": driver} for driver, names in ports.inputs for name in names]
        outputs = [{"name": name, "driver": driver} for driver, names in ports.outputs for name in names]
        print(json.dumps({"inputs": inputs, "outputs": outputs, "error": ports.error}))
        return 0
    if ports.error:
        print(f"companion: {ports.error}", file=sys.stderr)
    for title, names in (("inputs", ports.names("in")), ("outputs", ports.names("out"))):
        print(f"{title}:")
        for name in names or ("(none)",):
            print(f"  {printable(name)}")
    return 0
