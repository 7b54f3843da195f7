"""The numbers of a performance, from its log: the JSON of `companion demo` and of `companion jam --headless`.

Onset errors compare the moment a note left with the ideal time of its musical position by the master's true clock, which only a
recorded player has; scheduling errors compare it with the session's own target.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from statistics import pstdev
from typing import Any

from companion.midi.messages import NoteOff, NoteOn
from companion.runtime.players.tunes import TrueClock
from companion.runtime.recording.recorder import Log
from companion.runtime.recording.records import (
    BarsRequested,
    EventReceived,
    MessageSent,
    PerformanceEnded,
    PlayerBegan,
    PrefillRequested,
)
from companion.session.api.events import GenerationFinished


def quantiles_ms(seconds: Sequence[float]) -> dict[str, float]:
    """{p50, p99, max} in milliseconds, nearest rank; zeros for nothing."""
    ordered = sorted(seconds)
    if not ordered:
        return {"p50": 0.0, "p99": 0.0, "max": 0.0}
    last = len(ordered) - 1
    return {
        "p50": round(1000 * ordered[min(int(0.5 * len(ordered)), last)], 3),
        "p99": round(1000 * ordered[min(int(0.99 * len(ordered)), last)], 3),
        "max": round(1000 * ordered[last], 3),
    }


def onsets(log: Log) -> list[tuple[float, float]]:
    """(ideal, sent) in seconds of every note of ours that has a position; empty without a recorded player."""
    begun = next(log.of_kind(PlayerBegan), None)
    if begun is None:
        return []
    true = TrueClock(begun.start_seconds, begun.bpm)
    return [
        (true.seconds_at(sent.position_beats), sent.left_seconds)
        for sent in _our_notes(log)
        if sent.position_beats is not None and sent.left_seconds is not None
    ]


def _our_notes(log: Log) -> Iterator[MessageSent]:
    return (sent for sent in log.of_kind(MessageSent) if isinstance(sent.message, NoteOn) and sent.source >= 0)


def schedule(log: Log) -> list[tuple[float, float]]:
    """(due, sent) in seconds of every note of ours."""
    return [(sent.due_seconds, sent.left_seconds) for sent in _our_notes(log) if sent.left_seconds is not None]


def errors_ms(pairs: Sequence[tuple[float, float]]) -> dict[str, float]:
    """{p50, p99, max} of the distances and the standard deviation of the differences of (wanted, found) seconds, in milliseconds."""
    errors = [found - wanted for wanted, found in pairs]
    return {**quantiles_ms([abs(error) for error in errors]), "std": round(1000 * pstdev(errors or (0.0,)), 3)}


def prefilled(log: Log) -> set[int]:
    """The requests whose known part was sent ahead. Insurances, and requests without time for it, are left out."""
    found: set[int] = set()
    ahead = False
    for record in log.records:
        if isinstance(record, PrefillRequested):
            ahead = True
        elif isinstance(record, BarsRequested):
            found |= {record.request_id} if ahead else set()
            ahead = False
    return found


def hanging_notes(log: Log) -> int:
    """The number of note-ons that no note-off followed, and of those that were only ended by the cleanup at the end."""
    sounding: set[tuple[str, int, int]] = set()
    for sent in log.of_kind(MessageSent):
        message = sent.message
        if isinstance(message, NoteOn) and sent.left_seconds is not None:
            sounding.add((sent.port, message.channel, message.key))
        elif isinstance(message, NoteOff):
            sounding.discard((sent.port, message.channel, message.key))
    return len(sounding)


def report(log: Log, account: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """All numbers of one performance. account: the realtime process's own, for a log that was cut short (by a full disk, say)."""
    end = next(log.of_kind(PerformanceEnded), None)
    summary = dict(end.summary) if end else dict(account or {})
    counters = dict(summary.get("counters", {}))
    finished = [told.event for told in log.of_kind(EventReceived) if isinstance(told.event, GenerationFinished)]
    ahead = prefilled(log)
    known = [event for event in finished if event.request_id in ahead]
    model = log.settings.model
    return {
        "bars": summary.get("bars", 0),
        "bars_fresh": summary.get("bars_fresh", 0),
        "bars_by_ladder_step": dict(summary.get("bars_by_ladder_step", {})),
        "generation_ms": quantiles_ms([event.seconds for event in finished]),
        "generation_after_prefill_ms": quantiles_ms([event.seconds for event in known]),
        "first_note_ms": _first_notes(finished),
        "first_note_after_prefill_ms": _first_notes(known),
        "lead_ms": round(1000 * summary.get("lead_seconds", 0.0), 1),
        "onset_error_ms": errors_ms(onsets(log)),
        "scheduling_error_ms": errors_ms(schedule(log)),
        "loop_ms": dict(summary.get("loop_ms", {})),
        "notes_in": counters.get("notes_in", 0),
        "notes_out": counters.get("notes_out", 0),
        "late_notes_dropped": counters.get("late_notes_dropped", 0),
        "hanging_notes": hanging_notes(log) if end else summary.get("hanging_notes", 0),
        "recorded_to_the_end": end is not None,
        "faults": summary.get("faults", 0),
        "checkpoint": summary.get("checkpoint", model.checkpoint),
        "engine": summary.get("engine", ""),
        "mask_mode": summary.get("mask_mode", "") or model.mask_mode,
        "model_dim": summary.get("model_dim", 0) or model.model_dim,
        "seed": model.seed,
        "bpm": log.settings.clock.bpm,
        "tracks": sum(track.role == "companion" for track in log.settings.tracks),
        "counters": counters,
    }


def _first_notes(finished: Sequence[GenerationFinished]) -> dict[str, float]:
    return quantiles_ms([event.first_note_seconds for event in finished if event.first_note_seconds])
