"""The loaded sizes of a checkpoint: the measured times of each, and the one that writes the coming bar.

One `Deadlines` for each size keeps its measured times; the policy (`policy`) decides from them once a bar. A size that does
not run is judged by the running one's times and by how the two compared when they were loaded.

A size may run on another machine. It has a stand-in: the largest size on this machine. A bar is asked for so early that the
stand-in could still write it if no answer came.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from companion.session.api.events import CheckpointInfo, EngineReady, LoadedSize
from companion.session.requests.sizing.lead_time import Deadlines, Size
from companion.session.requests.sizing.policy import Choice, Need, SizePolicy, expected_seconds

# At most this share of a bar is kept for a stand-in: a slow one must not keep a fast size on another machine from writing.
RESERVE_SHARE = 0.35
REMEMBERED_BARS = 32  # after this many bars, the times of a size's last requests say little
DimsOf = Callable[[CheckpointInfo], Sequence[int]]  # the windows to choose from, largest first


class Sizes:
    """See the module. margin, floor_seconds: as in `Deadlines`."""

    def __init__(self, margin: float, floor_seconds: float) -> None:
        self._margin, self._floor_seconds = margin, floor_seconds
        self._loaded: dict[str, LoadedSize] = {}
        self._deadlines: dict[str, Deadlines] = {}
        self._policy = SizePolicy()
        self._unloaded = Deadlines(margin, floor_seconds)  # used while nothing is loaded
        self._wrote_last: dict[str, int] = {}  # bar, by size
        self._absent = ""  # why a size is out of reach
        self._longest_reserve = math.inf  # seconds
        self.why = ""

    def ready(self, event: EngineReady) -> None:
        """The engine holds these sizes now. Where a size has joined, what is known of the others stays known."""
        if not event.joined:
            self.lost()
        if any(size.checkpoint.place for size in event.sizes):
            self._absent = ""
        self._loaded = {size.checkpoint.name: size for size in event.sizes}
        for name, size in self._loaded.items():
            if name not in self._deadlines:
                self._deadlines[name] = Deadlines(self._margin, self._floor_seconds)
                self._deadlines[name].engine_ready(size.warm_seconds, size.checkpoint.round_trip_seconds)
        if not event.joined:
            self._policy.begin_with(event.checkpoint.name)

    def lost(self) -> None:
        """No size is loaded any more."""
        self._loaded.clear()
        self._deadlines.clear()
        self._wrote_last.clear()
        self._policy.forget()
        self.why = self._absent = ""

    def out_of_reach(self, name: str, reason: str) -> None:
        """A size on another machine cannot be asked any more. What is known of it is kept: it may come back."""
        self._loaded.pop(name, None)
        self._absent = self.why = f"{name} {reason}"
        if self._policy.current == name and self._loaded:
            self._policy.begin_with(next(iter(self._loaded)))

    def stand_in_writes(self, bar: int, bar_seconds: float, parts: int, counts: bool) -> None:
        """The stand-in writes a bar that the size on another machine has not. counts: that size had its fair time."""
        stand_in = self._stand_in(self._policy.current)
        if stand_in is None:
            return
        late = self._policy.current
        if counts:
            self._policy.rescued(late, bar, bar_seconds, parts)
        self._policy.begin_with(stand_in.checkpoint.name)
        self.why = f"{late} was too late for a bar"

    def reserve_seconds(self, model_dim: int, lanes: int, name: str | None = None) -> float:
        """How long before the line the stand-in of a size must begin; 0 for a size on this machine. name: None for the one that writes."""
        stand_in = self._stand_in(self._policy.current if name is None else name)
        if stand_in is None:
            return 0.0
        return min(self._deadlines[stand_in.checkpoint.name].lead(Size(model_dim, lanes)), self._longest_reserve)

    def has_stand_in(self, name: str) -> bool:
        """Whether a size runs on another machine and one on this machine can stand in for it."""
        return self._stand_in(name) is not None

    def lead(self, size: Size) -> float:
        """Seconds before the bar line at which to ask the size that writes, with time for its stand-in."""
        return self.deadlines.lead(size) + self.reserve_seconds(size.model_dim, size.lanes)

    def _stand_in(self, name: str) -> LoadedSize | None:
        loaded = self._loaded.get(name)
        if loaded is None or not loaded.checkpoint.place:
            return None
        return next((size for size in self._loaded.values() if not size.checkpoint.place), None)

    @property
    def several(self) -> bool:
        """Whether there are several sizes to choose from."""
        return len(self._loaded) > 1

    @property
    def current(self) -> CheckpointInfo | None:
        """The size that writes; None while nothing is loaded."""
        loaded = self._loaded.get(self._policy.current)
        return loaded.checkpoint if loaded else None

    @property
    def deadlines(self) -> Deadlines:
        """The measured times of the size that writes."""
        return self._deadlines.get(self._policy.current, self._unloaded)

    def deadlines_of(self, name: str) -> Deadlines:
        """The measured times of a size; of the one that writes, where there is none of that name."""
        return self._deadlines.get(name, self.deadlines)

    def wrote(self, name: str, in_time: bool) -> None:
        """A bar was, or was not, complete at its bar line, and this size had been asked for it."""
        if name in self._loaded:
            self._policy.wrote(name, in_time)

    def choose(self, bar: int, bar_seconds: float, parts: int, dims_of: DimsOf) -> Choice | None:
        """The size for a bar that `parts` parts are to be written in; None while nothing is loaded."""
        if not self._loaded:
            return None
        self._longest_reserve = RESERVE_SHARE * bar_seconds
        needs = [self._need(size, bar, parts, dims_of) for size in self._loaded.values()]
        before = self._policy.current
        choice = self._policy.choose(needs, bar, bar_seconds, parts)
        if choice.name != before and not self._remembered(choice.name, bar) and not self._is_elsewhere(choice.name):
            need = next(need for need in needs if need.name == choice.name)
            smallest = Size(dims_of(self._loaded[choice.name].checkpoint)[-1], parts)
            if need.measured:
                self._deadlines[choice.name].expect(smallest, need.seconds)
        self._wrote_last[choice.name] = bar
        self.why = self._absent or (choice.why if self.several else "")
        return Choice(choice.name, self.why)

    def _need(self, size: LoadedSize, bar: int, parts: int, dims_of: DimsOf) -> Need:
        """In its smallest window, for all parts: a size runs as long as it can write at least that."""
        name = size.checkpoint.name
        deadlines, smallest = self._deadlines[name], Size(dims_of(size.checkpoint)[-1], parts)
        if size.checkpoint.place and deadlines.is_measured and not self._remembered(name, bar):
            # The network may be another one by now. A stand-in is there should this be wrong.
            deadlines.engine_ready(size.warm_seconds, size.checkpoint.round_trip_seconds)
        own, measured = deadlines.lead(smallest), deadlines.is_measured
        running = self._policy.current
        stand_in = self._stand_in(name)
        if stand_in is not None and not measured:
            own = min(own, self._as_stand_in(size, stand_in, smallest))
        own += self.reserve_seconds(smallest.model_dim, parts, name)
        if name == running or not self.deadlines.is_measured or not self._shares_machine(size, running):
            return Need(name, own, measured, covered=stand_in is not None)
        other = Size(dims_of(self._loaded[running].checkpoint)[-1], parts)
        now = self.deadlines.recent_lead(other) or self.deadlines.lead(other)
        warm = {each: _warm(self._loaded[each], smallest.model_dim) for each in (name, running)}
        expected = expected_seconds(own, now, warm, name, running)
        return Need(name, max(own, expected) if measured and self._remembered(name, bar) else expected)

    def _is_elsewhere(self, name: str) -> bool:
        return bool(self._loaded[name].checkpoint.place)

    def _shares_machine(self, size: LoadedSize, running: str) -> bool:
        """Whether what slows the running size slows this one, too."""
        other = self._loaded.get(running)
        return other is not None and other.checkpoint.place == size.checkpoint.place

    def _as_stand_in(self, size: LoadedSize, stand_in: LoadedSize, window: Size) -> float:
        """The lead of a far size that was never asked, if it relates to its time at rest as its stand-in's does; else infinity."""
        deadlines = self._deadlines[stand_in.checkpoint.name]
        rest = _warm(stand_in, window.model_dim)
        if not deadlines.is_measured or not rest:
            return math.inf
        trip = self._margin * size.checkpoint.round_trip_seconds
        return deadlines.lead(window) * _warm(size, window.model_dim) / rest + trip

    def _remembered(self, name: str, bar: int) -> bool:
        """Whether a size has written lately, so that its own times still hold."""
        return name in self._wrote_last and bar - self._wrote_last[name] <= REMEMBERED_BARS


def _warm(size: LoadedSize, model_dim: int) -> float:
    """Seconds of a bar of one part at rest, in the window nearest to this one; 0 where nothing was measured."""
    nearest = min(size.warm_seconds, key=lambda item: abs(item[0] - model_dim), default=(0, 0.0))
    return nearest[1]
