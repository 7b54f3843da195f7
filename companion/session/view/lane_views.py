"""Lanes and their bars as a screen shows them."""

from __future__ import annotations

from companion.session.api.snapshot import BarPlace, BarState, BarView, LaneView
from companion.session.input.capture import Capture
from companion.session.lanes import Lane, Lanes
from companion.session.output.plan import Plan
from companion.session.output.scheduler import Scheduler
from companion.session.performance import Performance
from companion.session.timing.musical_time import MusicalTime

BARS_BEFORE, BARS_AFTER = 8, 3
VIEWS_KEPT = 64  # of each lane


class LaneViews:
    """A view that has not changed is the same object as before, so that it can be encoded once."""

    def __init__(
        self,
        lanes: Lanes,
        performance: Performance,
        time: MusicalTime,
        plan: Plan,
        capture: Capture,
        scheduler: Scheduler,
    ) -> None:
        self._lanes, self._performance, self._time = lanes, performance, time
        self._plan, self._capture, self._scheduler = plan, capture, scheduler
        self._views: dict[tuple[int, int], BarView] = {}  # as they were shown last
        self._final: set[tuple[int, int]] = set()  # those that cannot change any more

    def views(self, position: float) -> tuple[LaneView, ...]:
        """All lanes at a position (session beats)."""
        return tuple(self._lane(lane, position) for lane in self._lanes if not lane.removed)

    def places(self) -> tuple[BarPlace, ...]:
        """The bars that lanes show."""
        song_bar, meter = self._time.timeline.song_bar, self._time.timeline.meter
        return tuple(BarPlace(bar, song_bar(bar), meter(bar)) for bar in self.shown_bars())

    def shown_bars(self) -> range:
        """The bars that a screen shows, oldest first."""
        bar = self._performance.bar
        return range(max(0, bar - BARS_BEFORE), max(bar, 0) + BARS_AFTER)

    def _lane(self, lane: Lane, position: float) -> LaneView:
        return LaneView(
            index=lane.index,
            name=lane.name,
            role=lane.role,
            program=lane.program,
            is_drum=lane.is_drum,
            channel=lane.channel,
            muted=lane.muted,
            solo=lane.solo,
            bars=tuple(self._bar(lane, bar, position) for bar in self.shown_bars()),
            attributes=lane.attributes,
            sounding=self._scheduler.sounding(lane.index),
            volume=lane.volume,
            pan=lane.pan,
        )

    def _bar(self, lane: Lane, bar: int, position: float) -> BarView:
        key = (lane.index, bar)
        known = self._views.get(key)
        if known is not None and key in self._final:
            return known
        view = self._make(lane, bar, position)
        if bar < self._performance.bar - 1 and lane.role != "human":
            self._final.add(key)
        if known is not None and view == known:
            return known
        self._views[key] = view
        if len(self._views) > VIEWS_KEPT * len(self._lanes):
            self._forget_before(bar - BARS_BEFORE)
        return view

    def _forget_before(self, bar: int) -> None:
        self._views = {key: view for key, view in self._views.items() if key[1] >= bar}
        self._final = {key for key in self._final if key[1] >= bar}

    def _make(self, lane: Lane, bar: int, position: float) -> BarView:
        over: BarState = "played" if bar < self._performance.bar else "committed"
        if lane.role == "human":
            return self._human(lane, bar, position)
        if lane.role == "silent":
            return BarView(bar, over, "written", self._time.songbook.notes(lane.song_track, self._song_bar(bar)) or ())
        cell = self._plan.get(lane.index, bar)
        if cell is None and lane.role == "backing":
            written = self._time.songbook.notes(lane.song_track, self._song_bar(bar)) or ()
            return BarView(bar, "committed" if written else "empty", "written" if written else "", written)
        if cell is None or not (cell.committed or cell.best()):
            return BarView(bar, "empty")
        if not cell.committed:
            draft = cell.best()
            older = draft is not None and draft.insurance and draft is not cell.picked
            origin = "older" if older else draft.origin if draft else ""
            return BarView(bar, "tentative", origin, cell.notes(), cell.locked, take=cell.number_of(draft))
        return BarView(
            bar, over, cell.origin, cell.notes(), cell.locked, cell.rewritten_from, cell.number_of(cell.chosen)
        )

    def _human(self, lane: Lane, bar: int, position: float) -> BarView:
        notes = self._capture.notes(lane.index, bar, position)
        state: BarState = ("played" if notes else "empty") if bar <= self._performance.bar else "hidden"
        return BarView(bar, state, "human" if notes else "", notes)

    def _song_bar(self, bar: int) -> int:
        return self._time.timeline.song_bar(bar)
