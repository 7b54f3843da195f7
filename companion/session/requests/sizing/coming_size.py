"""What the next request may ask: how many bars of context, how many lanes and takes.

It is chosen once a bar, and again when something makes the choice invalid. The choice follows measured times, so that the answer is
there by the bar line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from companion.session.api.events import CheckpointInfo
from companion.session.output.decisions import Decisions
from companion.session.output.outbox import Outbox
from companion.session.requests.engine import Engine
from companion.session.requests.jobs import JobMaker
from companion.session.requests.sizing.lead_time import Size
from companion.session.requests.sizing.size_choice import SizeChoice
from companion.session.requests.sizing.sizes import Sizes
from companion.session.requests.window import fitting_dims
from companion.session.takes.policy import TakesPolicy
from companion.session.timing.musical_time import MusicalTime


class ComingSize:
    """size: what the next request may ask; None until that is known."""

    def __init__(
        self,
        engine: Engine,
        sizes: Sizes,
        choice: SizeChoice,
        jobs: JobMaker,
        decisions: Decisions,
        time: MusicalTime,
        outbox: Outbox,
    ) -> None:
        self._engine, self._sizes, self._choice, self._jobs = engine, sizes, choice, jobs
        self._decisions, self._time, self._outbox = decisions, time, outbox
        self._takes = TakesPolicy()
        self._is_due = False  # a bar has begun, and nothing has been chosen since then
        self.size: Size | None = None

    # -- choosing -----------------------------------------------------------------------------------------------------

    def bar_began(self, bar: int) -> None:
        """A bar line. The size is chosen a moment later, because much else is due now."""
        self._choice.bar_began(bar)
        self._is_due = self._engine.checkpoint is not None

    def settling(self, next_bar: Callable[[], int]) -> Iterator[None]:
        """Choose if that is due, as work for `SpareTime`. next_bar: the bar that will be asked for."""
        self.settle(next_bar())
        yield

    def settle(self, bar: int) -> None:
        """Choose for a bar if that is due, because a request goes out now."""
        if self._is_due:
            self.choose(bar)

    def known(self, bar: int) -> Size | None:
        """The size, chosen for a bar if there is none; None if nothing can be asked."""
        if self.size is None:
            self.choose(bar)
        return self.size

    def choose(self, bar: int) -> None:
        """Choose for a bar."""
        self._is_due = False
        checkpoint = self._engine.checkpoint
        lanes = len(self._decisions.lanes_in(bar))
        if checkpoint is None or not lanes:
            self.size = None
            return
        if self._choice.choose(bar, lanes, lambda info: self._dims(bar, info)):
            self.size = None  # another size begins with its own window
            checkpoint = self._engine.checkpoint or checkpoint
        dims = self._dims(bar, checkpoint)
        seconds = max(0.0, self._time.bar_seconds(bar) - self._sizes.reserve_seconds(dims[-1], lanes))
        size = self._sizes.deadlines.choose(dims, lanes, seconds, self.size)
        if size.advice and (self.size is None or size.advice != self.size.advice):
            self._outbox.notice(size.advice, "warning")
        takes = self._takes.choose(
            self._engine.model.takes,
            bar,
            seconds,
            lambda takes: self.lead_of(size, takes),
            measured=self._sizes.deadlines.knows(size.model_dim, size.lanes),
        )
        self.size = replace(size, takes=takes)

    def choose_in(self, seconds_left: float, bar: int, lanes: int, checkpoint: CheckpointInfo) -> None:
        """Choose the largest window of a bar with which this many lanes can still be written in time, or the smallest one."""
        deadlines, dims = self._sizes.deadlines, self._dims(bar, checkpoint)
        dim = next((dim for dim in dims if deadlines.lead(Size(dim, lanes)) <= seconds_left), dims[-1])
        self.size = Size(dim, len(self._decisions.lanes_in(bar)))

    def forget(self) -> None:
        """What a request may ask has changed."""
        self.size = None

    def jumped(self) -> None:
        """The music jumped or stopped: what was asked for says nothing."""
        self.size, self._is_due = None, False
        self._choice.forget()

    # -- what happens to requests -------------------------------------------------------------------------------------

    def asked(self, bar: int, seconds_left: float) -> None:
        """A bar is requested this long before its line."""
        if self.size:
            self._choice.asked(bar, seconds_left, self._sizes.lead(self.size))

    def takes_were_late(self, bar: int) -> None:
        """A request for several takes of a bar had no answer by its line."""
        self._takes.was_late(bar)

    # -- how long it takes --------------------------------------------------------------------------------------------

    @property
    def wanted_dim(self) -> int:
        """Bars of the window that the next request is to show."""
        return self.size.model_dim if self.size else self._engine.model.model_dim

    def lead_of(self, size: Size, takes: int = 1) -> float:
        """Seconds before its bar line at which a request of this size must go out."""
        return self._sizes.deadlines.lead(replace(size, takes=takes))

    def takes_in(self, seconds_left: float, size: Size, wanted: int) -> int:
        """As many takes, up to `wanted`, as the time allows; 0 where it does not even allow one."""
        takes = self._takes.in_time(wanted, seconds_left, lambda number: self.lead_of(size, number))
        return takes if self.lead_of(size, takes) <= seconds_left or takes > 1 else 0

    def takes_now(self, seconds_left: float) -> int:
        """The takes of each part in a request that goes out now, so long before the line of its bar."""
        size = self.size
        if size is None or size.takes == 1:
            return 1
        left = seconds_left - self._sizes.reserve_seconds(size.model_dim, size.lanes)
        return self._takes.in_time(size.takes, left, lambda takes: self.lead_of(size, takes))

    def _dims(self, bar: int, checkpoint: CheckpointInfo) -> list[int]:
        """The windows of this bar that a size may be shown, largest first."""
        return fitting_dims(checkpoint, self._engine.model.model_dim, self._jobs.history(bar, checkpoint))
