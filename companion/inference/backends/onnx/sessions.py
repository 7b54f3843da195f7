"""Opens the CPU engine's graphs in ONNX Runtime and sets their threads. It knows nothing of what the graphs compute."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import onnxruntime

DECODE_THREADS = 2  # more threads have not been measured; one token is too little work to share among many

# On Windows, ONNX Runtime ignores the environment variable that `companion.privacy` sets, so this call is needed there.
# Elsewhere it changes nothing.
onnxruntime.disable_telemetry_events()


class Graphs(NamedTuple):
    """The two opened graphs. `decode` is the same object as `prefill` when the memory has no bytes."""

    prefill: onnxruntime.InferenceSession
    decode: onnxruntime.InferenceSession


class Sessions(NamedTuple):
    """The graphs opened twice, so that `ThreadChoice` can choose between them.

    asleep: waiting threads sleep, and decoding uses one thread, so a core that is busy elsewhere costs only its own share.
    awake: threads spin during a run; None where spinning is not allowed.
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
    """`graphs`: the one for prefill, then the one for decoding if it differs. threads: for prefill; decoding uses no more."""
    asleep = _open(graphs, threads, 1, spinning=False)
    if threads < 2 or not _may_spin():
        return Sessions(asleep, None)
    return Sessions(asleep, _open(graphs, threads, min(DECODE_THREADS, threads), spinning=True))


@cache
def _one_arena() -> bool:
    """Let all graphs take their working memory from one arena, which grows by what is needed. Returns whether that could be had.

    By default each graph has its own, which doubles whenever it grows, and keeps what its largest run has ever needed.
    """
    try:
        device = onnxruntime.OrtMemoryInfo(
            "Cpu", onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, onnxruntime.OrtMemType.DEFAULT
        )
        unlimited, as_requested, usual = 0, 1, -1
        onnxruntime.create_and_register_allocator(
            device, onnxruntime.OrtArenaCfg(unlimited, as_requested, usual, usual)
        )
    except Exception:  # ONNX Runtime's exceptions have no common base
        return False
    return True


def _may_spin() -> bool:
    """Whether threads may spin. If sleeping threads were asked for, they may spin only where a core stays free.

    Live play asks for sleeping threads, because the realtime loop and the screen need a core. With all of them on two cores,
    spinning made bars take twice as long (303 instead of 137 ms) and used four times the power.
    """
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
    # A spinning thread may wait for a thread that the scheduler has suspended, and then occupies the core which that one needs.
    options.add_session_config_entry("session.intra_op.allow_spinning", "1" if spinning else "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    # Spinning must also end with the run; by default it lasts tens of milliseconds longer. Every session has its own threads, and
    # the spinning threads of a prefill would take the cores from the first dozen tokens after it.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    if _one_arena():
        options.add_session_config_entry("session.use_env_allocators", "1")
    source = graph if isinstance(graph, bytes) else str(graph)
    return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
