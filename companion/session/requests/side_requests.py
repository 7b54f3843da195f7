"""Requests beside the course of the bars: the rest of the bar that sounds, and further takes of a bar.

They go out only while no bar waits for an answer, and give way to the next bar's own request.
"""

from __future__ import annotations

from dataclasses import replace

from companion.harmony.guide import guide_bar
from companion.session.api.effects import Job
from companion.session.lanes import Lanes
from companion.session.output.playback import Playback
from companion.session.requests.engine import Engine
from companion.session.requests.jobs import JobMaker
from companion.session.requests.request import CurrentRequest, Request, Rest
from companion.session.requests.requests import Requests
from companion.session.requests.sizing.coming_size import ComingSize
from companion.session.requests.sizing.lead_time import Size
from companion.session.timing.musical_time import MusicalTime


class SideRequests:
    """See the module."""

    def __init__(
        self,
        engine: Engine,
        jobs: JobMaker,
        current: CurrentRequest,
        coming: ComingSize,
        requests: Requests,
        playback: Playback,
        time: MusicalTime,
        lanes: Lanes,
    ) -> None:
        self._engine, self._jobs, self._current, self._coming = engine, jobs, current, coming
        self._requests, self._playback, self._time, self._lanes = requests, playback, time, lanes

    @property
    def is_busy(self) -> bool:
        """Whether something is under way that may not be given up."""
        flight = self._current.in_flight
        return flight is not None and not flight.insurance

    def seconds_for(self, lanes: int) -> float | None:
        """How long a request for this many lanes is expected to take; None while nothing can be requested."""
        size = self._coming.size
        if self._engine.checkpoint is None or size is None:
            return None
        return self._coming.lead_of(Size(size.model_dim, lanes))

    def ask_rest(self, rest: Rest, now: float) -> int | None:
        """Have the rest of the sounding bar rewritten. Returns the request's id; None if nothing can be requested."""
        job = self._jobs.job(rest.bar, rest.lanes, now, self._coming.wanted_dim)
        if job is None:
            return None
        reads_guides = self._engine.checkpoint is not None and self._engine.checkpoint.chord_guide
        job = replace(
            job,
            expected=rest.expected,
            chords=None if rest.chord is None else (rest.chord,),
            guide=guide_bar([rest.chord])[0] if rest.chord is not None and reads_guides else None,
            late=self._late(job),
            forced=dict(rest.stands),
            from_beat=rest.from_beat,
        )
        line = self._time.to_seconds(self._time.timeline.start(rest.bar))
        request = replace(self._request(job, rest.bar, rest.lanes, now), rest=rest)
        return self._send(request, job, line + rest.from_beat * 60 / self._time.clock.bpm, "rewrites_asked")

    def forget_rest(self) -> None:
        """The rest of the bar is not wanted any more."""
        if self._current.in_flight is not None and self._current.in_flight.rest is not None:
            self._current.cancel()

    def _late(self, job: Job) -> tuple[tuple[int, int], ...]:
        """The cells that have come since the bar was asked for, and those that came last before it: its caches know all others."""
        at = job.targets[0][1]
        found: list[tuple[int, int]] = []
        for track, lane in enumerate(job.tracks):
            if self._lanes[lane].role == "human":
                found += [(track, bar) for bar in (at - 1, at) if bar >= 0]
            elif self._lanes[lane].role == "companion" and (track, at) not in job.targets:
                found.append((track, at))
        return tuple(found)

    def ask_further(self, bar: int, lanes: tuple[int, ...], now: float, deadline: float | None) -> int | None:
        """Have further takes of a bar written. Returns the request's id; None if there is no time, or nothing can be requested.

        deadline: in seconds; None for a bar to come, whose own request must not be delayed.
        """
        size, takes = self._coming.size, self._engine.model.takes
        if self._engine.checkpoint is None or self.is_busy or (size is None and deadline is None):
            return None
        if size is not None and deadline is None:
            asked = self._requests.is_asked(bar)
            deadline = self._playback.commit_seconds(bar) if asked else self._requests.due_seconds()
            # The bar's own request finds other caches afterwards, so it is left the time of a whole request to fill them.
            left = deadline - now - (0.0 if asked else self._coming.lead_of(size))
            takes = self._coming.takes_in(left, replace(size, lanes=len(lanes)), takes)
        assert deadline is not None
        job = self._jobs.job(bar, lanes, now, self._coming.wanted_dim, takes) if takes else None
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
