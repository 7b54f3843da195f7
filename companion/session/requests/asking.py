"""Asking the engine for bars, and what comes back.

The bar to come is asked for at `bar line − lead`. When its answer is complete and time is left, the bar after it is asked for too,
as an insurance: it knows nothing of what the player does meanwhile, and serves only if the real request fails. In between, at
every beat, the known part of the coming request is sent ahead for prefilling.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from companion.music import Note, TimeSignature
from companion.music.units import bpm_to_tempo
from companion.session.api.effects import Cancel, Generate, Job, Prefill
from companion.session.api.events import CheckpointInfo
from companion.session.input.form import pitch_class_beats, profile
from companion.session.lanes import Lane
from companion.session.output.fallback import request_seed
from companion.session.playback import Playing
from companion.session.requests.lead_time import Size
from companion.session.requests.window import RESOLUTION, Ask, build_window, fits_model, fitting_dims, job_of
from companion.session.state import NEVER

PREFILL_PAUSE_SECONDS = 0.1  # no prefill so shortly before the request itself
INSURANCE_SHARE = 0.35  # no insurance where it would take more of a bar: the machine has enough to do
HOPELESS_SHARE = 0.5  # less than this share of the lead left: the bar after is asked for instead
NOTES_A_DRAFT = 400
CROWDED_BARS = (48, 16, 4)  # notes of a bar that are shown, where even the smallest window is too much for the model


@dataclass(slots=True, eq=False)
class Request:
    """One Generate that has not come to its end."""

    request_id: int
    bar: int
    lanes: tuple[int, ...]
    size: Size
    sent_seconds: float
    insurance: bool
    first_note_seconds: float | None = None


class Generating(Playing):
    """Requests and answers."""

    checkpoint: CheckpointInfo | None = None
    engine_state: str = "loading"
    in_flight: Request | None = None
    size: Size | None = None
    requests_held_until: float = 0.0
    prefilling: bool = False  # a prefill was sent since the last request
    asked_bar: int = -1  # the last bar that was asked for in earnest
    insured_bar: int = -1
    prepared: tuple[int, object] | None = None  # the song bar made ahead of the start, and the choices behind it
    _next_request_id: int = 1
    _unreadable_meter: TimeSignature | None = None

    # -- when ---------------------------------------------------------------------------------------------------------

    def request_seconds(self) -> float:
        """When the next request is due; infinity while none is possible."""
        if self.checkpoint is None or self.kept_bar is not None or not self.running:
            return NEVER
        bar = self._next_bar_to_ask()
        if self.size is None:
            self.size = self._choose_size(bar)
        size = self.size
        if size is None:
            return NEVER
        due = self.to_seconds(self.timeline.start(bar)) - self.deadlines.lead(size)
        flight = self.in_flight
        if flight and not flight.insurance and flight.bar > self.committed_bar:
            due = max(due, self.commit_seconds(flight.bar))
        return max(due, self.requests_held_until)

    def _next_bar_to_ask(self) -> int:
        return max(self.asked_bar, self.committed_bar, self.entry_bar - 1) + 1

    def request_due(self, now: float) -> None:
        """Ask for the next bar."""
        bar = self._next_bar_to_ask()
        size = self.size
        if size and self.to_seconds(self.timeline.start(bar)) - now < HOPELESS_SHARE * self.deadlines.lead(size):
            tail_is_useful = self.deadlines.lead(size) < self.bar_seconds(bar)
            bar += 0 if tail_is_useful else 1
        self.asked_bar = bar
        self._give_up(now)
        self._generate(bar, now, insurance=False)

    def insure(self, now: float) -> None:
        """With time left before the next request: ask for the bar after the one that is ready."""
        bar = self._next_bar_to_ask()
        if self.in_flight or self.size is None or self.insured_bar >= bar or bar <= self.entry_bar or not self.running:
            return
        lead = self.deadlines.lead(self.size)
        if lead <= INSURANCE_SHARE * self.bar_seconds(bar) and self.request_seconds() - now > lead:
            self.insured_bar = bar
            self._generate(bar, now, insurance=True)

    def prefill(self, now: float) -> None:
        """Send the known part of the coming request ahead."""
        due = self.request_seconds()
        if self.in_flight or due == NEVER or due - now < PREFILL_PAUSE_SECONDS:
            return
        bar = self._next_bar_to_ask()
        if bar != self.bar + 1:
            return
        job = self._job(bar, self._lanes_to_ask(bar, insurance=False), now)
        if job is not None:
            self.prefilling = True
            self.emit(Prefill(job))

    def new_bar(self, now: float) -> None:
        """A bar line: choose the size of the coming request, look after requests that are of no use any more."""
        if self.in_flight and self.in_flight.bar < self.bar:
            self._give_up(now)
        self._hear_form(self.bar - 1, now)
        if self.checkpoint is not None:
            self.size = self._choose_size(self._next_bar_to_ask())

    def regenerate(self, bar: int, now: float) -> bool:
        """A tentative bar once more: the next take if one is at hand, else a new request at once. False: no lane may change."""
        lanes = [lane.index for lane in self.lanes_of("companion") if self.plays_in(lane, bar)]
        lanes = [lane for lane in lanes if not self.plan.at(lane, bar).locked]
        if not lanes:
            return False
        at_hand = self.plan.discard(lanes, bar)
        if self.checkpoint is None or at_hand:
            return True
        self._cancel_flight()
        self.asked_bar = max(self.asked_bar, bar)
        self._generate(bar, now, insurance=False)
        return True

    def forget_requests(self, next_bar: int) -> None:
        """The music jumped or stopped: answers to come are of no use."""
        self._cancel_flight()
        self.asked_bar = self.insured_bar = next_bar - 1
        self.size = None
        self.form.clear()

    # -- what ---------------------------------------------------------------------------------------------------------

    def _generate(self, bar: int, now: float, insurance: bool, deadline: float | None = None) -> None:
        lanes = self._lanes_to_ask(bar, insurance)
        job = self._job(bar, lanes, now)
        if job is None:
            return
        size = Size(job.window.bar_count, len(lanes))
        self.in_flight = Request(job.request_id, bar, lanes, size, now, insurance)
        if deadline is None:
            deadline = self.request_seconds() if insurance else self.to_seconds(self.timeline.end(bar))
        self.prefilling = False
        self.emit(Generate(job, deadline))
        self.counters["insurances" if insurance else "requests"] += 1

    def _lanes_to_ask(self, bar: int, insurance: bool) -> tuple[int, ...]:
        """The lanes that play in this bar; where not all can be served, those that have waited longest."""
        wanted: list[Lane] = []
        for lane in self.lanes_of("companion"):
            cell = self.plan.get(lane.index, bar)
            if self.plays_in(lane, bar) and not (cell and (cell.locked or cell.committed)):
                wanted.append(lane)
        limit = self.size.lanes if self.size else len(wanted)
        if len(wanted) > limit:
            wanted.sort(key=lambda lane: (self._last_fresh(lane, bar), lane.index))
            wanted = wanted[:limit]
        return tuple(sorted(lane.index for lane in wanted))

    def _last_fresh(self, lane: Lane, bar: int) -> int:
        for earlier in range(bar - 1, bar - 17, -1):
            cell = self.plan.get(lane.index, earlier)
            if cell and any(not draft.insurance and draft.request_id for draft in cell.drafts):
                return earlier
        return -1

    def _job(self, bar: int, lanes: tuple[int, ...], now: float) -> Job | None:
        """The request for a bar as it is known now; None where there is nothing to ask, or nothing that can be asked."""
        checkpoint = self.checkpoint
        if checkpoint is None or not lanes or self._meter_unreadable(bar, checkpoint):
            return None
        position = self.position(now)
        history = self._history(bar, checkpoint)
        wanted = self.size.model_dim if self.size else self.settings.model.model_dim
        dims = fitting_dims(checkpoint, wanted, history)
        known = [lane for lane in self.lanes if not lane.removed and not (lane.muted and lane.role == "companion")]
        asks = [Ask(bar, lanes, dim, bar - history, self._known_ahead(bar, dim)) for dim in dims]
        asks += [replace(asks[-1], notes_a_bar=limit) for limit in CROWDED_BARS]
        tempo = bpm_to_tempo(self.clock.bpm)
        windows = (
            build_window(ask, known, lambda lane, at: self._read_cell(lane, at, position), self._context_meter, tempo)
            for ask in asks
        )
        window = next((window for window in windows if fits_model(window, checkpoint)), None)
        if window is None:
            return None
        request_id = self._next_request_id
        self._next_request_id += 1
        model = self.settings.model
        request = {
            "request_id": request_id,
            "mask_mode": model.mask_mode if model.mask_mode in checkpoint.mask_modes else "auto",
            "sampling": model.sampling,
            "seed": request_seed(self.seed, request_id),
            "takes": model.takes,
            "expected": self._expected_of_players(bar),
        }
        return job_of(window, self.lanes, checkpoint, request)

    def _hear_form(self, bar: int, now: float) -> None:
        """A bar is over: remember what the players sounded in it. A song's form needs no guessing."""
        if bar < self.context_bar or self.songbook.song is not None:
            return
        meter = self.timeline.meter(bar)
        if meter != self.timeline.meter(bar + 1):
            self.form.clear()
        else:
            notes = self._players_notes(bar, self.position(now))
            self.form.hear(bar, profile(notes, meter.bar_ticks(RESOLUTION)))

    def _expected_of_players(self, bar: int) -> tuple[float, ...]:
        """See `Job.expected`."""
        like = self.form.like(bar)
        if like is None or like < self.context_bar:
            return ()
        return pitch_class_beats(self._players_notes(like, self.timeline.start(like + 1)), RESOLUTION)

    def _players_notes(self, bar: int, position: float) -> list[Note]:
        lanes = [lane for lane in self.lanes_of("human") if not lane.is_drum]
        return [note for lane in lanes for note in self.capture.notes(lane.index, bar, position)]

    def _choose_size(self, bar: int) -> Size | None:
        checkpoint = self.checkpoint
        lanes = sum(self.plays_in(lane, bar) for lane in self.lanes_of("companion"))
        if checkpoint is None or not lanes:
            return None
        dims = fitting_dims(checkpoint, self.settings.model.model_dim, self._history(bar, checkpoint))
        size = self.deadlines.choose(dims, lanes, self.bar_seconds(bar), self.size)
        if size.advice and (self.size is None or size.advice != self.size.advice):
            self.notice(size.advice, "warning")
        return size

    def _history(self, bar: int, checkpoint: CheckpointInfo) -> int:
        """How many bars before this one can be shown: those heard, a song's written ones before, of meters the model reads."""
        first = self.context_bar
        written_before = self.timeline.song_bar(first) if self.songbook.song else 0
        count = 0
        while count < bar - first + written_before and count < max(checkpoint.num_bars_map):
            if self._context_meter(bar - 1 - count) not in checkpoint.time_signatures:
                break
            count += 1
        return count

    def _context_meter(self, bar: int) -> TimeSignature:
        return self._meter_of(self.song_bar_of(bar))

    def _known_ahead(self, bar: int, dim: int) -> int:
        """Bars behind the target to show: a quarter of the window, where a song is written on."""
        if self.songbook.song is None or dim < 4:
            return 0
        following = range(bar + 1, bar + 1 + dim // 4)
        written = [self.songbook.meter(self.timeline.song_bar(at)) == self.timeline.meter(bar) for at in following]
        return dim // 4 if all(written) else 0

    def _read_cell(self, lane: Lane, bar: int, position: float) -> tuple[Note, ...] | None:
        """What is known of a lane's bar; None is nothing. See `context.CellReader`."""
        for extension in self.extensions:
            notes = extension.known_notes(self, lane, bar)
            if notes is not None:
                return notes
        song_bar = self.song_bar_of(bar)
        if lane.role in ("backing", "silent"):
            return self.songbook.notes(lane.song_track, song_bar) or ()
        if bar < self.context_bar:
            return ()
        if lane.role == "human":
            return self.capture.notes(lane.index, bar, position) if bar <= self.bar else None
        cell = self.plan.get(lane.index, bar)
        if bar <= self.committed_bar:
            return cell.notes() if cell else ()
        return cell.notes() if cell and cell.best() else None

    def _meter_unreadable(self, bar: int, checkpoint: CheckpointInfo) -> bool:
        meter = self.timeline.meter(bar)
        if meter in checkpoint.time_signatures:
            return False
        if meter != self._unreadable_meter:
            self._unreadable_meter = meter
            self.notice(
                f"checkpoint {checkpoint.name} does not know {meter}: repeating instead of generating", "warning"
            )
        return True

    # -- giving up -------------------------------------------------------------------------------------------------------

    def _give_up(self, now: float) -> None:
        """The request that is under way took too long: that is a measurement too."""
        flight = self.in_flight
        if flight is not None and not flight.insurance:
            self.deadlines.record(flight.size.model_dim, flight.size.lanes, now - flight.sent_seconds)
            self.counters["unfinished_requests"] += 1
        self._cancel_flight()

    def _cancel_flight(self) -> None:
        if self.in_flight is not None:
            self.emit(Cancel(self.in_flight.request_id))
            self.in_flight = None
