"""What the engine says: notes into drafts, times into measures, its coming and going."""

from __future__ import annotations

from collections import Counter

from companion.session.api.events import (
    BarGenerated,
    CheckpointInfo,
    EngineEvent,
    EngineLost,
    EngineReady,
    GenerationFailed,
    GenerationFinished,
    NoteGenerated,
)
from companion.session.requests.asking import NOTES_A_DRAFT, Generating, Request


class Answering(Generating):
    """Answers; those with an id that is not awaited are counted and dropped."""

    def receive_engine(self, event: EngineEvent, now: float) -> None:
        """Anything the engine says."""
        if isinstance(event, NoteGenerated):
            self._note_generated(event, now)
        elif isinstance(event, BarGenerated):
            self._bar_generated(event)
        elif isinstance(event, GenerationFinished):
            self._finished(event, now)
        elif isinstance(event, GenerationFailed):
            if self._expected(event.request_id):
                self.in_flight = None
                self.counters["failed_requests"] += 1
                self.notice(f"generation failed: {event.reason}", "warning")
        elif isinstance(event, EngineReady):
            self._engine_ready(event, now)
        else:
            self._engine_lost(event)

    def _expected(self, request_id: int) -> Request | None:
        flight = self.in_flight
        if flight is not None and flight.request_id == request_id:
            return flight
        self.counters["stale_answers"] += 1
        return None

    def _note_generated(self, event: NoteGenerated, now: float) -> None:
        flight = self._expected(event.request_id)
        if flight is None:
            return
        if event.track not in flight.lanes or event.bar != flight.bar:
            self.counters["stray_notes"] += 1
            return
        if flight.first_note_seconds is None:
            flight.first_note_seconds = now - flight.sent_seconds
        draft = self.plan.open_draft(event.track, event.bar, event.request_id, event.take, flight.insurance)
        if len(draft.notes) >= NOTES_A_DRAFT:
            self.counters["stray_notes"] += 1
            return
        cell = self.plan.at(event.track, event.bar)
        if cell.committed and cell.chosen is not draft:
            self.counters["late_notes_dropped"] += 1
            return
        if not cell.committed or self.stream_note(self.lanes[event.track], cell, event.note, now):
            draft.notes.append(event.note)

    def _bar_generated(self, event: BarGenerated) -> None:
        flight = self._expected(event.request_id)
        if flight and event.track in flight.lanes and event.bar == flight.bar:
            self.plan.open_draft(event.track, event.bar, event.request_id, event.take, flight.insurance).complete = True

    def _finished(self, event: GenerationFinished, now: float) -> None:
        flight = self._expected(event.request_id)
        if flight is None:
            return
        self.in_flight = None
        for lane in flight.lanes:
            self.plan.open_draft(lane, flight.bar, flight.request_id, 0, flight.insurance).complete = True
        if not flight.insurance:
            first = flight.first_note_seconds
            self.deadlines.record(flight.size.model_dim, flight.size.lanes, now - flight.sent_seconds, first)
        self.insure(now)

    def _engine_ready(self, event: EngineReady, now: float) -> None:
        self.checkpoint = event.checkpoint
        self.engine_state = "ready"
        self.deadlines.engine_ready(event.warm_seconds)
        self.in_flight = self.size = None
        self.asked_bar = self.insured_bar = self.committed_bar
        self._unreadable_meter = self.prepared = None
        self._say_what_cannot_be(event.checkpoint)

    def _say_what_cannot_be(self, checkpoint: CheckpointInfo) -> None:
        """Choices for another checkpoint hold as far as this one goes."""
        model = self.settings.model
        if model.mask_mode not in ("auto", *checkpoint.mask_modes):
            modes = ", ".join(checkpoint.mask_modes)
            self.notice(f"{checkpoint.name} has no mask mode {model.mask_mode} (but {modes}): auto instead", "warning")
        if model.model_dim and model.model_dim not in checkpoint.num_bars_map:
            windows = ", ".join(map(str, checkpoint.num_bars_map))
            self.notice(f"{checkpoint.name} has no window of {model.model_dim} bars (but {windows})", "warning")

    def _engine_lost(self, event: EngineLost) -> None:
        self.checkpoint = self.in_flight = self.size = None
        self.engine_state = "loading"
        self.counters["engine_losses"] += 1
        self.notice(f"engine lost: {event.reason}", "error")


def fresh_share(bars_by_step: dict[str, int], late: int) -> tuple[int, int]:
    """(companion bars started, those that were fresh and whole)."""
    counted = Counter(bars_by_step)
    return sum(counted.values()), max(0, counted["fresh"] - late)
