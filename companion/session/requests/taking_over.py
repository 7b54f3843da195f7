"""When a size on another machine does not answer in time, one on this machine writes the same bar.

A bar that is asked for over the network is asked for so early that the stand-in can still write it afterwards. At the last
moment for that, the parts that have not come are asked of the stand-in. The next bar is the other machine's again, unless that
happens often (`sizing.policy`). A size that is lost (`SizeLost`) is not waited for: what was asked of it is asked again at once.
"""

from __future__ import annotations

from companion.session.api.events import SizeLost
from companion.session.output.outbox import Outbox
from companion.session.output.plan import Plan
from companion.session.performance import Performance
from companion.session.requests.request import Request
from companion.session.requests.requests import NEVER, Requests
from companion.session.requests.sizing.size_choice import SizeChoice
from companion.session.requests.sizing.sizes import Sizes
from companion.session.timing.musical_time import MusicalTime


class TakingOver:
    """See the module. Holds no state of its own."""

    def __init__(
        self,
        sizes: Sizes,
        choice: SizeChoice,
        requests: Requests,
        performance: Performance,
        time: MusicalTime,
        plan: Plan,
        outbox: Outbox,
    ) -> None:
        self._sizes, self._choice, self._requests = sizes, choice, requests
        self._performance, self._time, self._plan, self._outbox = performance, time, plan, outbox

    def due_seconds(self) -> float:
        """When the stand-in must begin with what was asked of another machine; infinity where nothing is."""
        flight = self._waiting()
        if flight is None or not self._performance.running or not self._sizes.has_stand_in(flight.checkpoint):
            return NEVER
        missing = self._missing(flight)
        reserve = self._sizes.reserve_seconds(flight.size.model_dim, len(missing), flight.checkpoint)
        if not missing:
            return NEVER
        return self._time.to_seconds(self._time.timeline.start(flight.bar)) - reserve

    def run_due(self, now: float) -> None:
        """Let the stand-in write what has not come in time."""
        if now < self.due_seconds():
            return
        flight = self._requests.in_flight
        assert flight is not None
        missing = self._missing(flight)
        self._requests.give_up(now)
        self._choice.stand_in_writes(flight.bar)
        self._requests.ask_again(flight.bar, missing, now)
        self._outbox.count("bars_taken_over")

    def lost(self, event: SizeLost, now: float) -> bool:
        """A size is out of reach. False if no other one is loaded."""
        flight = self._requests.in_flight
        asked_it = flight is not None and flight.checkpoint == event.name
        waiting = self._waiting() if asked_it else None
        if asked_it:
            self._requests.cancel()
        if not self._choice.lost(event.name, event.reason):
            return False
        self._requests.resize()
        if waiting is not None and (missing := self._missing(waiting)):
            self._requests.ask_again(waiting.bar, missing, now)
            self._outbox.count("bars_taken_over")
        return True

    def _waiting(self) -> Request | None:
        """The request that an undecided bar waits for."""
        flight = self._requests.in_flight
        return flight if flight and flight.earnest and flight.bar > self._performance.committed_bar else None

    def _missing(self, flight: Request) -> tuple[int, ...]:
        """The lanes of a request whose bar has not come completely."""
        return tuple(lane for lane in flight.lanes if not self._has_come(lane, flight))

    def _has_come(self, lane: int, flight: Request) -> bool:
        cell = self._plan.get(lane, flight.bar)
        drafts = cell.drafts if cell else ()
        return any(draft.request_id == flight.request_id and draft.complete for draft in drafts)
