"""The request to the engine that is under way, and what it may write: a bar, the rest of one, or other takes of one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from companion.harmony.spans import ChordSpan
from companion.music import Note
from companion.session.api.effects import Cancel, Generate, Job
from companion.session.output.outbox import Outbox
from companion.session.requests.sizing.lead_time import Size
from companion.session.requests.sizing.sizes import Sizes


@dataclass(frozen=True, slots=True)
class Rest:
    """The rest of the sounding bar, to be rewritten from a beat (quarter notes from its line) for some lanes.

    stands: by lane, its own notes before that beat. chord: what the player plays, over the whole bar; None if that is not known.
    tones: the pitch classes (0-11) that may sound on. expected: [12] beats of each pitch class, where no chord is known.
    """

    bar: int
    lanes: tuple[int, ...]
    from_beat: float
    stands: Mapping[int, tuple[Note, ...]]
    chord: ChordSpan | None
    tones: frozenset[int] = frozenset()
    expected: tuple[float, ...] = ()


@dataclass(slots=True, eq=False)
class Request:
    """A Generate that has not ended. checkpoint: the name of the requested size.

    rest: what it writes of a bar that sounds; None for a whole bar. further: it writes further takes for the player to choose from.
    """

    request_id: int
    bar: int
    lanes: tuple[int, ...]
    size: Size
    sent_seconds: float
    insurance: bool
    first_note_seconds: float | None = None
    checkpoint: str = ""
    rest: Rest | None = None
    further: bool = False

    @property
    def earnest(self) -> bool:
        """Whether a bar waits for it."""
        return not self.insurance and self.rest is None and not self.further


class CurrentRequest:
    """The one request that may be under way. in_flight: None while there is none."""

    def __init__(self, sizes: Sizes, outbox: Outbox) -> None:
        self._sizes, self._outbox = sizes, outbox
        self.in_flight: Request | None = None

    def send(self, request: Request, job: Job, deadline_seconds: float, counter: str) -> None:
        """Send a request; nothing else may be under way. counter: what it is counted as."""
        self.in_flight = request
        self._outbox.emit(Generate(job, deadline_seconds))
        self._outbox.count(counter)

    def expected(self, request_id: int) -> Request | None:
        """The request under way, if an answer belongs to it. Other answers are counted and dropped."""
        flight = self.in_flight
        if flight is not None and flight.request_id == request_id:
            return flight
        self._outbox.count("stale_answers")
        return None

    def note_came(self, now: float) -> None:
        """A note of the request under way."""
        if self.in_flight is not None and self.in_flight.first_note_seconds is None:
            self.in_flight.first_note_seconds = now - self.in_flight.sent_seconds

    def measure(self, request: Request, now: float, first_note_seconds: float | None = None) -> None:
        """A request took until now, to its end or until it was given up."""
        size = request.size
        self._sizes.deadlines_of(request.checkpoint).record(
            size.model_dim, size.lanes, now - request.sent_seconds, first_note_seconds, size.takes
        )

    def ended(self) -> None:
        """The request under way has come to its end, or no answer will come any more."""
        self.in_flight = None

    def cancel(self) -> None:
        """Cancel the request under way."""
        if self.in_flight is not None:
            self._outbox.emit(Cancel(self.in_flight.request_id))
            self.in_flight = None

    def give_up(self, now: float) -> None:
        """Give up a request that takes too long. Its time counts as a measurement."""
        flight = self.in_flight
        if flight is not None and flight.earnest:
            self.measure(flight, now)
            self._outbox.count("unfinished_requests")
        self.cancel()
