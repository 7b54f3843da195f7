"""The CPU engine's graphs, opened in ONNX Runtime with the threads they run on. Knows nothing of what the graphs compute."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import onnxruntime

DECODE_THREADS = 2  # more have not been measured; one token is little work to share

# On Windows the environment that `companion.privacy` sets is not read; this call is. Elsewhere there is nothing left to disable.
onnxruntime.disable_telemetry_events()


class Graphs(NamedTuple):
    """The two graphs, opened; `decode` is `prefill` itself where the memory has no bytes."""

    prefill: onnxruntime.InferenceSession
    decode: onnxruntime.InferenceSession


class Sessions(NamedTuple):
    """The graphs twice, for `ThreadChoice` to choose from.

    asleep: threads that sleep while they wait, and one thread for decoding: a busy core costs only its own share.
    awake: threads that spin while a run lasts; None where they may not.
    """

    asleep: Graphs
    awake: Graphs | None

    @property
    def byte_cache(self) -> bool:
        """Whether decoding has a graph of its own, which reads keys and values as bytes."""
        return self.asleep.decode is not self.asleep.prefill

    def choose(self, together: bool, decoding: bool) -> onnxruntime.InferenceSession:
        graphs = self.awake if together and self.awake is not None else self.asleep
        return graphs.decode if decoding else graphs.prefill


def open_sessions(graphs: Sequence[Path | bytes], threads: int) -> Sessions:
    """`graphs`: for prefill, then for decoding where that is another. threads: of prefill; decoding takes no more."""
    asleep = _open(graphs, threads, 1, spinning=False)
    if threads < 2 or not _may_spin():
        return Sessions(asleep, None)
    return Sessions(asleep, _open(graphs, threads, min(DECODE_THREADS, threads), spinning=True))


def default_threads() -> int:
    """Threads for prefill: every core up to four."""
    return max(1, min(4, os.cpu_count() or 1))


def _may_spin() -> bool:
    """Whether a core is left to whoever asked for sleeping threads, as live play does: there the realtime loop and the screen need
    theirs. On two cores with both running, spinning made bars take twice as long (303 instead of 137 ms) and four times the power."""
    return os.environ.get("OMP_WAIT_POLICY", "").upper() != "PASSIVE" or _cores() > DECODE_THREADS + 1


def _cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _open(graphs: Sequence[Path | bytes], threads: int, decode_threads: int, spinning: bool) -> Graphs:
    prefill = _session(graphs[0], threads, spinning)
    return Graphs(prefill, _session(graphs[1], decode_threads, spinning) if len(graphs) > 1 else prefill)


def _session(graph: Path | bytes, threads: int, spinning: bool) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # A spinning thread that waits for one the scheduler has put aside burns the very core that one needs.
    options.add_session_config_entry("session.intra_op.allow_spinning", "1" if spinning else "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    # Nor may it go on once a run has ended, as it would for tens of milliseconds: every session has threads of its own, and those
    # of a prefill took the cores from the first dozen tokens after it.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    source = graph if isinstance(graph, bytes) else str(graph)
    return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
