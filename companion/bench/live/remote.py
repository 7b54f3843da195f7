"""Measures playing with an engine on another machine: a host on this machine, behind a network that is made slow and lossy.

Host and performance share this machine's processors, so both are slower than on two machines.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from companion.bench.live.slow_network import SlowNetwork
from companion.errors import CompanionError
from companion.runtime.front.report import report
from companion.runtime.players.demo import DemoOptions
from companion.runtime.players.demo_run import run_demo
from companion.runtime.recording.folder import LOG_NAME
from companion.runtime.recording.recorder import read_log
from companion.runtime.recording.records import EventReceived
from companion.runtime.remote_engine.pairing import KEYS_VARIABLE, GuestStore, HostStore
from companion.session.api.events import EngineReady, SizeLost
from companion.session.api.settings import ModelSettings

READY_SECONDS = 60.0


def measure_remote(checkpoint: str, delay_ms: float, loss: float, bars: int, tempo: float) -> dict[str, Any]:
    """The demo's report, played over a network with this delay each way (ms) and this share of lost segments.

    bars_taken_over: those that the size on this machine wrote because no answer had come in time. round_trip_ms: as the performance
    measured it. losses: how often the link counted as gone. stalls: how often the network held something up.
    """
    with tempfile.TemporaryDirectory(prefix="companion-bench-") as folder, _host(Path(folder), checkpoint) as port:
        network = SlowNetwork(port, delay_ms / 1000, loss)
        try:
            model = ModelSettings(checkpoint=checkpoint, engine=f"tcp://127.0.0.1:{network.port}")
            run_demo(DemoOptions(bars=bars, bpm=tempo, model=model, record_dir=Path(folder)))
        finally:
            network.close()
        path = next(Path(folder).glob(f"*/{LOG_NAME}"), None)
        if path is None:
            raise CompanionError("the program left no recording")
        log = read_log(path)
    found = report(log)
    events = [record.event for record in log.of_kind(EventReceived)]
    far = [size.checkpoint for each in events if isinstance(each, EngineReady) for size in each.sizes]
    trips = [info.round_trip_seconds for info in far if info.place]
    counters = Counter(found["counters"])
    return {
        **found,
        "delay_ms": delay_ms,
        "loss": loss,
        "tempo": tempo,
        "share_in_time": found["bars_fresh"] / max(found["bars"], 1),
        "bars_taken_over": counters["bars_taken_over"],
        "bars_asked_of_host": counters["bars_asked_elsewhere"],
        "round_trip_ms": round(1000 * trips[-1], 1) if trips else None,
        "losses": sum(isinstance(each, SizeLost) for each in events),
        "stalls": network.stalls,
    }


@contextmanager
def _host(folder: Path, checkpoint: str) -> Iterator[int]:
    """A host that is paired with this process and its children; gives its port. Their keys lie in `folder`."""
    before = os.environ.get(KEYS_VARIABLE)
    os.environ[KEYS_VARIABLE] = str(folder / "keys")
    GuestStore().accept(HostStore().new_token(time.time()))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "companion", "engine", "--listen", f"127.0.0.1:{port}", "--checkpoint", checkpoint]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        deadline = time.monotonic() + READY_SECONDS
        for line in process.stdout:
            if "is ready" in line or time.monotonic() > deadline:
                break
        else:
            raise CompanionError("the host ended before it was ready")
        yield port
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
        if before is None:
            del os.environ[KEYS_VARIABLE]
        else:
            os.environ[KEYS_VARIABLE] = before


def remote_text(found: dict[str, Any]) -> str:
    """Some lines for a terminal."""
    return "\n".join(
        (
            f"{found['share_in_time']:.1%} of {found['bars']} bars in time at {found['tempo']:g} BPM with {found['delay_ms']:g} ms each "
            f"way and {found['loss']:.1%} lost ({found['stalls']} stalls); round trip {found['round_trip_ms']} ms",
            f"bars asked of the host: {found['bars_asked_of_host']} of {found['counters'].get('requests')}; taken over by this "
            f"machine: {found['bars_taken_over']}; "
            f"link lost {found['losses']} times; hanging notes {found['hanging_notes']}",
            f"lead {found['lead_ms']} ms, generation {found['generation_ms']} ms, first note {found['first_note_ms']} ms, "
            f"notes dropped late {found['late_notes_dropped']}",
        )
    )
