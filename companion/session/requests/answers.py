"""Handles the engine's answers: its notes become drafts, its times are recorded, and its state is tracked."""

from __future__ import annotations

from collections import Counter

from companion.session.api.events import (
    BarGenerated,
    CheckpointInfo,
    EngineEvent,
    EngineReady,
    GenerationFailed,
    GenerationFinished,
    LoadFailed,
    NoteGenerated,
    SizeLost,
)
from companion.session.lanes import Lanes
from companion.session.output.outbox import Outbox
from companion.session.output.plan import Plan
from companion.session.output.playback import Playback
from companion.session.requests.engine import Engine
from companion.session.requests.head_start import HeadStart
from companion.session.requests.jobs import JobMaker
from companion.session.requests.request import CurrentRequest
from companion.session.requests.requests import Requests
from companion.session.requests.sizing.sizes import Sizes
from companion.session.requests.taking_over import TakingOver
from companion.session.requests.window import fits, spelled
from companion.session.rewriting.rewriting import Rewriting
from companion.session.takes.choice import TakeChoice

NOTES_A_DRAFT = 400  # further notes of one bar are dropped


class Answers:
    """Handles answers to requests. Answers with an unexpected id are counted and dropped."""

    def __init__(
        self,
        engine: Engine,
        sizes: Sizes,
        jobs: JobMaker,
        current: CurrentRequest,
        requests: Requests,
        head_start: HeadStart,
        lanes: Lanes,
        plan: Plan,
        playback: Playback,
        rewriting: Rewriting,
        taking_over: TakingOver,
        takes: TakeChoice,
        outbox: Outbox,
    ) -> None:
        self._engine, self._sizes, self._jobs = engine, sizes, jobs
        self._current, self._requests, self._head_start = current, requests, head_start
        self._lanes, self._plan, self._playback = lanes, plan, playback
        self._rewriting, self._taking_over, self._takes, self._outbox = rewriting, taking_over, takes, outbox

    def receive(self, event: EngineEvent, now: float) -> None:
        """Handle any event of the engine."""
        if isinstance(event, NoteGenerated):
            self._note_generated(event, now)
        elif isinstance(event, BarGenerated):
            self._bar_generated(event, now)
        elif isinstance(event, GenerationFinished):
            self._finished(event, now)
        elif isinstance(event, GenerationFailed):
            self._failed(event)
        elif isinstance(event, EngineReady):
            self._engine_ready(event)
        elif isinstance(event, LoadFailed):
            self._load_failed(event)
        elif isinstance(event, SizeLost):
            if not self._taking_over.lost(event, now):
                self._engine_lost(f"{event.name} {event.reason}")
        else:
            self._engine_lost(event.reason)

    def _note_generated(self, event: NoteGenerated, now: float) -> None:
        flight = self._current.expected(event.request_id)
        if flight is None:
            return
        if event.track not in flight.lanes or event.bar != flight.bar:
            self._outbox.count("stray_notes")
            return
        if flight.rest is not None:
            self._rewriting.note_came(flight.request_id, event.track, event.note)
            return
        if flight.further:
            self._takes.note_came(event)
            return
        self._current.note_came(now)
        draft = self._plan.open_draft(event.track, event.bar, event.request_id, event.take, flight.insurance)
        if len(draft.notes) >= NOTES_A_DRAFT:
            self._outbox.count("stray_notes")
            return
        cell = self._plan.at(event.track, event.bar)
        if event.take > 0:
            draft.notes.append(event.note)  # kept with the bar, and not heard unless the player wants it
            return
        if cell.committed and cell.chosen is not draft:
            self._outbox.count("late_notes_dropped")
            return
        if not cell.committed or self._playback.stream_note(self._lanes[event.track], cell, event.note, now):
            draft.notes.append(event.note)

    def _bar_generated(self, event: BarGenerated, now: float) -> None:
        flight = self._current.expected(event.request_id)
        if flight is None or event.track not in flight.lanes or event.bar != flight.bar:
            return
        if flight.rest is not None:
            self._rewriting.part_complete(flight.request_id, event.track, now)
        elif flight.further:
            self._takes.take_complete(flight.request_id, event.track, event.take)
        else:
            draft = self._plan.open_draft(event.track, event.bar, event.request_id, event.take, flight.insurance)
            self._plan.complete(draft)

    def _finished(self, event: GenerationFinished, now: float) -> None:
        flight = self._current.expected(event.request_id)
        if flight is None:
            return
        self._current.ended()
        if flight.further:
            self._takes.finished(flight, now)
            return
        if flight.rest is not None:
            self._rewriting.finished(flight.request_id, now)
        if flight.rest is None:
            for lane in flight.lanes:
                self._plan.complete(self._plan.open_draft(lane, flight.bar, flight.request_id, 0, flight.insurance))
        if flight.earnest:
            self._takes.bar_came(flight)
            self._current.measure(flight, now, flight.first_note_seconds)
        self._requests.insure(now)

    def _failed(self, event: GenerationFailed) -> None:
        if self._current.expected(event.request_id):
            self._current.ended()
            self._outbox.count("failed_requests")
            self._outbox.notice(f"generation failed: {event.reason}", "warning")

    def _engine_ready(self, event: EngineReady) -> None:
        self._sizes.ready(event)
        for remark in event.remarks:
            self._outbox.notice(remark, "warning")
        if event.joined and self._engine.checkpoint is not None:
            return  # the current size goes on; another one may take over at the next bar line
        before = self._engine.checkpoint
        self._engine.ready(event.checkpoint)
        self._engine.loaded()
        if before is not None and before.name != event.checkpoint.name:
            self._outbox.notice(f"{event.checkpoint.name} writes from here on")
        self._requests.checkpoint_changed()
        self._jobs.checkpoint_changed()
        self._head_start.forget()
        self._say_what_cannot_be(event.checkpoint)

    def _say_what_cannot_be(self, checkpoint: CheckpointInfo) -> None:
        """Tell the player which choices this checkpoint does not support."""
        model = self._engine.model
        if model.mask_mode not in ("auto", *checkpoint.mask_modes):
            modes = ", ".join(checkpoint.mask_modes)
            text = f"{checkpoint.name} has no mask mode {model.mask_mode} (but {modes}): auto instead"
            self._outbox.notice(text, "warning")
        if model.model_dim and model.model_dim not in checkpoint.num_bars_map:
            windows = ", ".join(map(str, checkpoint.num_bars_map))
            text = f"{checkpoint.name} has no window of {model.model_dim} bars (but {windows})"
            self._outbox.notice(text, "warning")
        self._say_what_it_lacks(checkpoint)

    def _say_what_it_lacks(self, checkpoint: CheckpointInfo) -> None:
        """Tell the player which set controls this checkpoint does not have."""
        sampling = self._engine.model.sampling
        wanted = {name for lane in self._lanes for name in lane.attributes if fits(name, lane.is_drum)}
        lacking = sorted(name for name in wanted if spelled(name, checkpoint) not in checkpoint.attributes)
        if sampling.genre and sampling.genre not in checkpoint.genres:
            lacking.append(f"genre {sampling.genre}")
        if lacking:
            names = ", ".join(name.replace("_", " ") for name in lacking)
            self._outbox.notice(f"{checkpoint.name} cannot be told {names}: not obeyed", "warning")

    def _load_failed(self, event: LoadFailed) -> None:
        self._engine.keep_loaded()
        self._outbox.notice(f"{event.checkpoint} cannot be loaded: {event.reason}", "error")

    def _engine_lost(self, reason: str) -> None:
        self._engine.gone()
        self._sizes.lost()
        self._current.ended()
        self._requests.resize()
        self._outbox.count("engine_losses")
        self._outbox.notice(f"engine lost: {reason}", "error")


def fresh_share(bars_by_step: dict[str, int], late: int) -> tuple[int, int]:
    """(companion bars started, those that were fresh and whole)."""
    counted = Counter(bars_by_step)
    return sum(counted.values()), max(0, counted["fresh"] - late)
