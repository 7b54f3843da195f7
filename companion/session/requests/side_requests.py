"""Requests beside the course of the bars: the rest of the bar that sounds, and further takes of a bar.

They go out only while no bar waits for an answer, and give way to the next bar's own request.
"""

from __future__ import annotations

from dataclasses import replace

from companion.harmony.guide import guide_bar
from companion.session.api.effects import Job
from companion.session.output.playback import Playback
from companion.session.requests.engine import Engine
from companion.session.requests.jobs import JobMaker
from companion.session.requests.lead_time import Size
from companion.session.requests.request import CurrentRequest, Request, Rest
from companion.session.requests.requests import Requests
from companion.session.timing.musical_time import MusicalTime


class SideRequests:
    """See the module."""

    def __init__(
        self,
        engine: Engine,
        jobs: JobMaker,
        current: CurrentRequest,
        requests: Requests,
        playback: Playback,
        time: MusicalTime,
    ) -> None:
        self._engine, self._jobs, self._current = engine, jobs, current
        self._requests, self._playback, self._time = requests, playback, time

    @property
    def is_busy(self) -> bool:
        """Whether something is under way that may not be given up."""
        flight = self._current.in_flight
        return flight is not None and not flight.insurance

    def seconds_for(self, lanes: int) -> float | None:
        """How long a request for this many lanes is expected to take; None while nothing can be requested."""
        size = self._requests.size
        if self._engine.checkpoint is None or size is None:
            return None
        return self._requests.lead_of(Size(size.model_dim, lanes))

    def ask_rest(self, rest: Rest, now: float) -> int | None:
        """Have the rest of the sounding bar rewritten. Returns the request's id; None if nothing can be requested."""
        job = self._jobs.job(rest.bar, rest.lanes, now, self._requests.wanted_dim)
        if job is None:
            return None
        guide = guide_bar([rest.chord])[0] if self._engine.checkpoint and self._engine.checkpoint.chord_guide else None
        job = replace(
            job,
            expected=(),
            chords=(rest.chord,),
            guide=guide,
            forced=dict(rest.stands),
            from_beat=rest.from_beat,
        )
        line = self._time.to_seconds(self._time.timeline.start(rest.bar))
        request = replace(self._request(job, rest.bar, rest.lanes, now), rest=rest)
        return self._send(request, job, line + rest.from_beat * 60 / self._time.clock.bpm, "rewrites_asked")

    def ask_further(self, bar: int, lanes: tuple[int, ...], now: float, deadline: float | None) -> int | None:
        """Have further takes of a bar written. Returns the request's id; None if there is no time, or nothing can be requested.

        deadline: in seconds; None for a bar to come, whose own request must not be delayed.
        """
        size, takes = self._requests.size, self._engine.model.takes
        if self._engine.checkpoint is None or self.is_busy or (size is None and deadline is None):
            return None
        if size is not None and deadline is None:
            asked = self._requests.is_asked(bar)
            deadline = self._playback.commit_seconds(bar) if asked else self._requests.due_seconds()
            # The bar's own request finds other caches afterwards, so it is left the time of a whole request to fill them.
            left = deadline - now - (0.0 if asked else self._requests.lead_of(size))
            takes = self._requests.takes_in(left, replace(size, lanes=len(lanes)), takes)
        assert deadline is not None
        job = self._jobs.job(bar, lanes, now, self._requests.wanted_dim, takes) if takes else None
        if job is None:
            return None
        request = replace(self._request(job, bar, lanes, now), further=True)
        return self._send(request, job, deadline, "takes_asked")

    def _request(self, job: Job, bar: int, lanes: tuple[int, ...], now: float) -> Request:
        size = Size(job.window.bar_count, len(lanes), takes=job.takes)
        return Request(job.request_id, bar, lanes, size, now, insurance=False, checkpoint=job.size)

    def _send(self, request: Request, job: Job, deadline_seconds: float, counter: str) -> int:
        self._current.cancel()
        self._current.send(request, job, deadline_seconds, counter)
        return request.request_id
