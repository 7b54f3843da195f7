"""Requests to the engine: when a bar is asked for, by which lanes, and what becomes of a request that takes too long.

The bar to come is asked for at `bar line − lead`. When its answer is complete and time is left, the bar after it is asked for too,
as an insurance: it knows nothing of what the player does meanwhile, and serves only if the real request fails. In between, at
every beat, the known part of the coming request is sent ahead for prefilling.
"""

from __future__ import annotations

import math

from companion.session.api.effects import Prefill
from companion.session.chords.chords import Chords
from companion.session.input.heard_form import HeardForm
from companion.session.lanes import Lanes
from companion.session.output.decisions import Decisions
from companion.session.output.outbox import Outbox
from companion.session.output.plan import Plan
from companion.session.output.playback import Playback
from companion.session.output.scheduler import Scheduler
from companion.session.performance import Performance
from companion.session.requests.engine import Engine
from companion.session.requests.jobs import JobMaker
from companion.session.requests.lanes_asked import lanes_to_ask
from companion.session.requests.request import CurrentRequest, Request
from companion.session.requests.sizing.coming_size import ComingSize
from companion.session.requests.sizing.lead_time import Size
from companion.session.requests.sizing.sizes import Sizes
from companion.session.spare_time import SpareTime
from companion.session.timing.musical_time import MusicalTime

NEVER = math.inf
PREFILL_PAUSE_SECONDS = 0.1  # no prefill this shortly before the request itself
INSURANCE_SHARE = 0.35  # no insurance if it takes a larger share of a bar: the machine is busy enough
HOPELESS_SHARE = 0.5  # if less than this share of the lead is left, the bar after is requested instead
# A request waits for a note this close, and goes when the note has been sent.
NOTE_COMES_SECONDS, NOTE_GONE_SECONDS = 0.004, 0.0005
# A prefill comes this long after each beat: the player's note on the beat has arrived, ours has left, and none is due.
AFTER_BEAT = 1 / 8


class Requests:
    """At most one request at a time. prefilling: a prefill was sent since the last request."""

    def __init__(
        self,
        engine: Engine,
        sizes: Sizes,
        coming: ComingSize,
        current: CurrentRequest,
        jobs: JobMaker,
        performance: Performance,
        time: MusicalTime,
        lanes: Lanes,
        plan: Plan,
        decisions: Decisions,
        playback: Playback,
        scheduler: Scheduler,
        form: HeardForm,
        chords: Chords,
        spare: SpareTime,
        outbox: Outbox,
    ) -> None:
        self._engine, self._sizes, self._coming, self._jobs = engine, sizes, coming, jobs
        self._current = current
        self._performance, self._time, self._lanes, self._plan = performance, time, lanes, plan
        self._decisions, self._playback, self._scheduler = decisions, playback, scheduler
        self._form, self._chords, self._spare, self._outbox = form, chords, spare, outbox
        self.prefilling = False
        self._held_until = 0.0  # seconds
        self._asked_bar = -1  # the last bar that was asked for in earnest
        self._insured_bar = -1
        self._next_prefill_beats = 0.0  # session position

    @property
    def in_flight(self) -> Request | None:
        """The request under way."""
        return self._current.in_flight

    # -- when ---------------------------------------------------------------------------------------------------------

    def due_seconds(self) -> float:
        """When the next request is due; infinity while none is possible."""
        if self._engine.checkpoint is None or self._decisions.kept_bar is not None or not self._performance.running:
            return NEVER
        bar = self._next_bar()
        if (size := self._coming.known(bar)) is None:
            return NEVER
        due = self._line_seconds(bar) - self._sizes.lead(size)
        flight = self.in_flight
        if flight and flight.earnest and flight.bar > self._performance.committed_bar:
            due = max(due, self._playback.commit_seconds(flight.bar))
        return max(due, self._held_until)

    def prefill_due_seconds(self) -> float:
        """When the next prefill is due."""
        return self._time.to_seconds(self._next_prefill_beats)

    def run_due(self, now: float) -> None:
        """Requests and prefills that are due, but not just before a note: laying out a window takes a moment."""
        if now >= self.due_seconds():
            note_due = self._scheduler.next_due(self._time.to_seconds)
            if now < note_due <= now + NOTE_COMES_SECONDS and not self._held_until:
                self._held_until = note_due + NOTE_GONE_SECONDS
            else:
                self._held_until = 0.0
                self._ask_next(now)
        if now >= self.prefill_due_seconds():
            self._next_prefill_beats = max(self._next_prefill_beats + 1, self._time.position(now))
            self.prefill(now)

    def prefill_from(self, position: float) -> None:
        """The next prefill is due at a position (session beats), those after it every beat."""
        self._next_prefill_beats = position

    def new_bar(self, bar: int, now: float) -> None:
        """A bar line: cancel requests that have become useless. The size of the coming request is chosen a moment later."""
        flight = self.in_flight
        if flight and flight.earnest and flight.bar <= bar and flight.size.takes > 1:
            self._coming.takes_were_late(bar)
        if flight and flight.bar < bar and not flight.further:
            self.give_up(now)
        self._spare.bar_began(bar)
        self._coming.bar_began(bar)
        self._spare.add(self._coming.settling(self._next_bar), self._form.hear(bar - 1), self._chords.hear(bar - 1))

    # -- what ---------------------------------------------------------------------------------------------------------

    def insure(self, now: float) -> None:
        """With time left before the next request: ask for the bar after the one that is ready."""
        bar = self._next_bar()
        self._coming.settle(bar)
        size = self._coming.size
        if self.in_flight or size is None or self._insured_bar >= bar:
            return
        if bar <= self._performance.entry_bar or not self._performance.running:
            return
        lead = self._coming.lead_of(size)
        if lead <= INSURANCE_SHARE * self._time.bar_seconds(bar) and self.due_seconds() - now > lead:
            self._insured_bar = bar
            self._generate(bar, now, insurance=True)

    def prefill(self, now: float) -> None:
        """Send the known part of the coming request ahead."""
        self._coming.settle(self._next_bar())
        due = self.due_seconds()
        if self.in_flight or due == NEVER or due - now < PREFILL_PAUSE_SECONDS:
            return
        bar = self._next_bar()
        if bar != self._performance.bar + 1:
            return
        job = self._jobs.job(bar, self._lanes_to_ask(bar), now, self._coming.wanted_dim)
        if job is not None:
            self.prefilling = True
            self._outbox.emit(Prefill(job))

    def regenerate(self, bar: int, now: float) -> bool:
        """Write a tentative bar again: use the next take if there is one, else send a new request at once. False: no lane may change."""
        lanes = [lane.index for lane in self._decisions.lanes_in(bar) if not self._plan.at(lane.index, bar).fixed]
        if not lanes:
            return False
        if not self._plan.discard(lanes, bar):
            self.ask_for(bar, now)
        return True

    def ask_for(self, bar: int, now: float) -> None:
        """Request a tentative bar at once, in place of the current request."""
        if self._engine.checkpoint is not None:
            self.cancel()
            self._asked_bar = max(self._asked_bar, bar)
            self._generate(bar, now, insurance=False)

    def ask_first(self, bar: int, now: float, deadline: float) -> None:
        """Request the first bar of the music while it rests. deadline: in seconds."""
        self._coming.choose(bar)
        self._generate(bar, now, insurance=False, deadline=deadline)

    def is_asked(self, bar: int) -> bool:
        """Whether a bar has been asked for in earnest."""
        return bar <= self._asked_bar

    def brings_takes(self, bar: int) -> bool:
        """Whether several takes of a bar are under way or will be asked for."""
        flight = self.in_flight
        if flight is not None and flight.earnest and flight.bar == bar:
            return flight.size.takes > 1
        size = self._coming.size
        return bar == self._next_bar() and size is not None and size.takes > 1

    def ask_again(self, bar: int, lanes: tuple[int, ...], now: float) -> None:
        """Have the size that writes now write these lanes of a bar that was asked of another one, in what time is left."""
        checkpoint = self._engine.checkpoint
        if checkpoint is None:
            return
        self._coming.choose_in(self._line_seconds(bar) - now, bar, len(lanes), checkpoint)
        self._generate(bar, now, insurance=False, lanes=lanes)

    # -- what has happened --------------------------------------------------------------------------------------------

    def first_is_asked(self, bar: int) -> None:
        """The music begins with a bar that was asked for at rest."""
        self._asked_bar = self._insured_bar = bar
        self._coming.forget()

    def checkpoint_changed(self) -> None:
        """Another checkpoint writes. A request under way is still answered by the one before; other bars are requested anew."""
        self._coming.forget()
        if self.in_flight is None:
            self._asked_bar = self._insured_bar = self._performance.committed_bar

    def resize(self) -> None:
        """What a request may ask has changed."""
        self._coming.forget()

    def forget(self, next_bar: int) -> None:
        """The music jumped or stopped: coming answers are useless."""
        self.cancel()
        self._asked_bar = self._insured_bar = next_bar - 1
        self._coming.jumped()
        self._spare.finish()
        self._form.clear()
        self._chords.clear()

    def bar_is_settled(self, bar: int) -> None:
        """The player is content with a bar: cancel its request, and send no other for it."""
        if self.in_flight and self.in_flight.bar == bar:
            self.cancel()
            self._asked_bar = max(self._asked_bar, bar)

    def cancel(self) -> None:
        """Cancel the current request."""
        self._current.cancel()

    def give_up(self, now: float) -> None:
        """Give up a request that takes too long. Its time counts as a measurement."""
        self._current.give_up(now)

    # -- inside -------------------------------------------------------------------------------------------------------

    def _next_bar(self) -> int:
        return max(self._asked_bar, self._performance.committed_bar, self._performance.entry_bar - 1) + 1

    def _line_seconds(self, bar: int) -> float:
        return self._time.to_seconds(self._time.timeline.start(bar))

    def _ask_next(self, now: float) -> None:
        bar = self._next_bar()
        self._coming.settle(bar)
        lead = self._coming.lead_of(self._coming.size) if self._coming.size else 0.0
        if self._line_seconds(bar) - now < HOPELESS_SHARE * lead:
            tail_is_useful = lead < self._time.bar_seconds(bar)
            bar += 0 if tail_is_useful else 1
        self._asked_bar = bar
        self._coming.asked(bar, self._line_seconds(bar) - now)
        self.give_up(now)
        self._generate(bar, now, insurance=False)

    def _generate(
        self, bar: int, now: float, insurance: bool, deadline: float | None = None, lanes: tuple[int, ...] = ()
    ) -> None:
        lanes = lanes or self._lanes_to_ask(bar)
        takes = 1 if insurance else self._coming.takes_now(self._line_seconds(bar) - now)
        job = self._jobs.job(bar, lanes, now, self._coming.wanted_dim, takes)
        if job is None:
            return
        size = Size(job.window.bar_count, len(lanes), takes=job.takes)
        request = Request(job.request_id, bar, lanes, size, now, insurance, checkpoint=job.size)
        if deadline is None:
            deadline = self.due_seconds() if insurance else self._time.to_seconds(self._time.timeline.end(bar))
        self.prefilling = False
        self._current.send(request, job, deadline, "insurances" if insurance else "requests")

    def _lanes_to_ask(self, bar: int) -> tuple[int, ...]:
        limit = self._coming.size.lanes if self._coming.size else None
        return lanes_to_ask(self._lanes, self._decisions, self._plan, bar, limit)
