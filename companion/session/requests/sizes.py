"""The loaded sizes of a checkpoint: the measured times of each, and the one that writes the coming bar.

One `Deadlines` for each size keeps its measured times; the policy (`sizing`) decides from them once a bar. A size that does
not run is judged by the running one's times and by how the two compared when they were loaded.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from companion.session.api.events import CheckpointInfo, EngineReady, LoadedSize
from companion.session.requests.lead_time import Deadlines, Size
from companion.session.requests.sizing import Choice, Need, SizePolicy, expected_seconds

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
        self.why = ""

    def ready(self, event: EngineReady) -> None:
        """The engine holds these sizes now. Where a size has joined, what is known of the others stays known."""
        if not event.joined:
            self.lost()
        self._loaded = {size.checkpoint.name: size for size in event.sizes}
        for name, size in self._loaded.items():
            if name not in self._deadlines:
                self._deadlines[name] = Deadlines(self._margin, self._floor_seconds)
                self._deadlines[name].engine_ready(size.warm_seconds)
        if not event.joined:
            self._policy.begin_with(event.checkpoint.name)

    def lost(self) -> None:
        """No size is loaded any more."""
        self._loaded.clear()
        self._deadlines.clear()
        self._wrote_last.clear()
        self._policy.forget()
        self.why = ""

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
        needs = [self._need(size, bar, parts, dims_of) for size in self._loaded.values()]
        before = self._policy.current
        choice = self._policy.choose(needs, bar, bar_seconds, parts)
        if choice.name != before and not self._remembered(choice.name, bar):
            need = next(need for need in needs if need.name == choice.name)
            smallest = Size(dims_of(self._loaded[choice.name].checkpoint)[-1], parts)
            if need.measured:
                self._deadlines[choice.name].expect(smallest, need.seconds)
        self._wrote_last[choice.name] = bar
        self.why = choice.why if self.several else ""
        return Choice(choice.name, self.why)

    def _need(self, size: LoadedSize, bar: int, parts: int, dims_of: DimsOf) -> Need:
        """In its smallest window, for all parts: a size runs as long as it can write at least that."""
        name = size.checkpoint.name
        deadlines, smallest = self._deadlines[name], Size(dims_of(size.checkpoint)[-1], parts)
        own, measured = deadlines.lead(smallest), deadlines.is_measured
        running = self._policy.current
        if name == running or running not in self._loaded or not self.deadlines.is_measured:
            return Need(name, own, measured)
        other = Size(dims_of(self._loaded[running].checkpoint)[-1], parts)
        now = self.deadlines.recent_lead(other) or self.deadlines.lead(other)
        warm = {each: _warm(self._loaded[each], smallest.model_dim) for each in (name, running)}
        expected = expected_seconds(own, now, warm, name, running)
        return Need(name, max(own, expected) if measured and self._remembered(name, bar) else expected)

    def _remembered(self, name: str, bar: int) -> bool:
        """Whether a size has written lately, so that its own times still hold."""
        return name in self._wrote_last and bar - self._wrote_last[name] <= REMEMBERED_BARS


def _warm(size: LoadedSize, model_dim: int) -> float:
    """Seconds of a bar of one part at rest, in the window nearest to this one; 0 where nothing was measured."""
    nearest = min(size.warm_seconds, key=lambda item: abs(item[0] - model_dim), default=(0, 0.0))
    return nearest[1]
