"""Lists the installed checkpoints. Another process reads them, because that needs libraries which the screen does not load."""

from __future__ import annotations

import json
import subprocess
import sys

from companion.tui.pickers.offers import InstalledCheckpoint

PATIENCE_SECONDS = 60.0


def installed_checkpoints() -> list[InstalledCheckpoint]:
    """What `companion checkpoints --json` says; [] when it fails. Blocks for seconds: call it from a worker."""
    asked = [sys.executable, "-m", "companion", "checkpoints", "--json"]
    try:
        answer = subprocess.run(asked, capture_output=True, timeout=PATIENCE_SECONDS, stdin=subprocess.DEVNULL)
        return parse_checkpoints(answer.stdout)
    except (OSError, subprocess.SubprocessError):
        return []


def parse_checkpoints(text: bytes | str) -> list[InstalledCheckpoint]:
    """The JSON list of `companion checkpoints --json`; entries without a name are left out."""
    try:
        entries = json.loads(text)
    except ValueError:
        return []
    if not isinstance(entries, list):
        return []
    return [
        InstalledCheckpoint(
            str(entry["name"]),
            tuple(entry.get("num_bars_map") or ()),
            tuple(entry.get("mask_modes") or ()),
            int(entry.get("parameters") or 0),
        )
        for entry in entries
        if isinstance(entry, dict) and entry.get("name")
    ]
