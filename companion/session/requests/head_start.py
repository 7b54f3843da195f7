"""Requests a song's first bar while the music rests. A song is known before it starts, so nobody has to wait for that bar.

Without a count-in, or with an external clock, there is no time to write it once the start is known.
"""

from __future__ import annotations

from companion.session.extensions import Extensions
from companion.session.lanes import Lanes
from companion.session.output.plan import Plan
from companion.session.performance import Performance
from companion.session.requests.engine import Engine
from companion.session.requests.requests import Requests
from companion.session.timing.musical_time import MusicalTime

PATIENCE_SECONDS = 60.0  # at rest nothing is due; an answer this late is useless


class HeadStart:
    """`prepare` at rest, `take` at the start."""

    def __init__(
        self,
        engine: Engine,
        requests: Requests,
        performance: Performance,
        time: MusicalTime,
        lanes: Lanes,
        plan: Plan,
        extensions: Extensions,
    ) -> None:
        self._engine, self._requests, self._performance = engine, requests, performance
        self._time, self._lanes, self._plan, self._extensions = time, lanes, plan, extensions
        self._prepared: tuple[int, object] | None = None  # the requested song bar, and the choices on which it depends

    def prepare(self, song_bar: int, now: float, begins: int) -> None:
        """Request the first bar, once for each combination of the choices on which it depends.

        song_bar: negative for a bar of an intro. begins: the song bar with which the song begins.
        """
        if self._time.songbook.song is None or self._engine.checkpoint is None or self._performance.wait_bars:
            return
        wanted = song_bar, self._choices()
        if wanted == self._prepared:
            return
        self._prepared = wanted
        bar = self._time.timeline.jump(self._performance.bar, song_bar)
        self._plan.forget_from(bar)
        self._requests.forget(bar)
        self._performance.reopen(bar)
        self._performance.enter_at(bar)
        if begins == self._extensions.first_song_bar(0):
            self._performance.hear_from(bar)
        self._requests.ask_first(bar, now, deadline=now + PATIENCE_SECONDS)

    def take(self, bar: int, song_bar: int) -> None:
        """The music begins with this bar. If it was not prepared, the whole plan is void."""
        prepared, self._prepared = self._prepared, None
        if prepared is None or prepared[0] != song_bar:
            self._plan.forget_from(bar)
            self._requests.forget(bar)
            return
        self._plan.forget_from(bar + 1)
        self._requests.first_is_asked(bar)

    def forget(self) -> None:
        """Drop what was prepared."""
        self._prepared = None

    def _choices(self) -> tuple[object, ...]:
        lanes = [
            (lane.index, lane.role, lane.program, lane.muted, tuple(sorted(lane.attributes.items())))
            for lane in self._lanes
            if not lane.removed
        ]
        return (*lanes, self._engine.model, self._time.songbook.transpose)
