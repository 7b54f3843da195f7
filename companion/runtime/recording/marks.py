"""The log's records about the whole performance: regular marks of the position, and the summary in the last line."""

from __future__ import annotations

from companion.runtime.machine.loop_meter import LoopMeter
from companion.runtime.processes.recorded_session import RecordedSession
from companion.runtime.recording.records import Mark
from companion.session.api.snapshot import Snapshot


def mark_of(snapshot: Snapshot) -> Mark:
    """The current position, for the log."""
    view = snapshot.transport
    meter = view.time_signature
    return Mark(snapshot.now_seconds, view.state, view.bpm, view.bar, view.beat, view.position_beats, meter)


def summary_of(
    snapshot: Snapshot, recorded: RecordedSession, running: Snapshot | None, meter: LoopMeter | None = None
) -> dict[str, object]:
    """The numbers of the last line: those of the screen and those of this process.

    running: the last picture before the music stopped, which still knew how it was asked.
    """
    generation = snapshot.generation
    asked = (running or snapshot).generation
    return {
        "bars": generation.bars,
        "bars_fresh": generation.bars_fresh,
        "bars_by_ladder_step": dict(generation.bars_by_step),
        "lead_seconds": asked.lead_seconds,
        "model_dim": asked.model_dim,
        "mask_mode": asked.mask_mode,
        "counters": dict(snapshot.counters),
        "hanging_notes": recorded.hanging,
        "unsent": recorded.unsent,
        "faults": recorded.faults,
        "loop_ms": meter.summary() if meter else {},
        "engine": snapshot.checkpoint.engine if snapshot.checkpoint else "",
        "checkpoint": snapshot.checkpoint.name if snapshot.checkpoint else snapshot.model.checkpoint,
    }
