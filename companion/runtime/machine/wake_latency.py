"""Measures how late this system wakes a sleeping process: `python -m companion.runtime.machine.wake_latency`, one JSON object.

It runs in its own process, because it asks for real-time priority as the realtime process does.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from companion.runtime.machine.keep_awake import Cores
from companion.runtime.machine.priority import become_realtime, queued_seconds

WAKES = 1000
NAP_SECONDS = 0.001
PATIENCE_SECONDS = 20.0


def measure_wakes(patience_seconds: float = PATIENCE_SECONDS) -> dict[str, Any]:
    """{granted, cores_awake, p50_ms, p99_ms, max_ms, queued_ms, stolen_ms} of a second of short sleeps; {} where that fails.

    queued_ms: waited for a core that another program had. stolen_ms: all cores' time that a virtual machine's host gave to others.
    """
    command = [sys.executable, "-m", "companion.runtime.machine.wake_latency"]
    with suppress(OSError, ValueError, subprocess.SubprocessError):
        done = subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, timeout=patience_seconds)
        return json.loads(done.stdout)
    return {}


def stolen_seconds() -> float:
    """Processor time of all cores that a virtual machine's host has given to others since the start; 0 where it is unknown."""
    with suppress(OSError, ValueError, IndexError):
        fields = Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0].split()
        return int(fields[8]) / 100  # in hundredths of a second on every Linux we run on
    return 0.0


def main() -> None:
    """The process itself."""
    granted, cores_awake = become_realtime(), Cores().keep_awake()
    queued, stolen = queued_seconds(), stolen_seconds()
    late: list[float] = []
    for _ in range(WAKES):
        due = time.monotonic() + NAP_SECONDS
        time.sleep(NAP_SECONDS)
        late.append(1000 * (time.monotonic() - due))
    late.sort()
    found = {
        "granted": granted,
        "cores_awake": cores_awake,
        "p50_ms": round(late[WAKES // 2], 3),
        "p99_ms": round(late[WAKES * 99 // 100], 3),
        "max_ms": round(late[-1], 3),
        "queued_ms": round(1000 * (queued_seconds() - queued), 1),
        "stolen_ms": round(1000 * (stolen_seconds() - stolen)),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
