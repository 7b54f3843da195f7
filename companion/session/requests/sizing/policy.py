"""Which size of a checkpoint writes the coming bar.

A checkpoint may be loaded in several sizes. The largest one that writes its bars in time runs: it must be able to serve every
part in each bar, at least in its smallest window, and of its last 200 bars at most one may have been late (99.5 %). A
size that is too slow hands over to the next smaller one at the next bar line. A larger one takes over again when it would
need clearly less of a bar than is allowed; one that was late waits, twice as long each time, unless the tempo falls or
parts are muted. Knows seconds, bars and sizes; no clock, no model.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from companion.session.requests.sizing.lead_time import FIT, GROW

OUTCOMES_KEPT = 200
LATE_ALLOWED = 1  # of OUTCOMES_KEPT bars: 99.5 % in time
FIRST_WAIT_BARS, LONGEST_WAIT_BARS = 16, 256
# A size on another machine waits, too, if this many of the last bars (the second number) had to be written by its stand-in.
RESCUES, RESCUED_BARS = 4, 16
EASIER = 1.1  # bars longer by this factor, or fewer parts, end a wait
UNKNOWN_FIT = 0.5  # share of a bar that a size without measured times may need


@dataclass(frozen=True, slots=True)
class Need:
    """What a size would take. seconds: how long before the bar line it must be asked, in its smallest window, for all
    parts. measured: whether the figure rests on requests of this performance. covered: a stand-in writes the bar if it is late."""

    name: str
    seconds: float
    measured: bool = True
    covered: bool = False


@dataclass(frozen=True, slots=True)
class Choice:
    """name: the size that writes. why: one line for the player; "" when there is nothing to choose from."""

    name: str
    why: str = ""


@dataclass(slots=True)
class _Wait:
    """A size that was late: until which bar it waits, and at which tempo and number of parts it was late."""

    until_bar: int
    bar_seconds: float
    parts: int


@dataclass(slots=True)
class SizePolicy:
    """Remembers which size runs and how each has done; `choose` is asked once for every bar."""

    current: str = ""
    _outcomes: dict[str, deque[bool]] = field(default_factory=dict)
    _waits: dict[str, _Wait] = field(default_factory=dict)
    _failures: dict[str, int] = field(default_factory=dict)
    _rescues: dict[str, deque[int]] = field(default_factory=dict)  # bars that a stand-in wrote instead

    def begin_with(self, name: str) -> None:
        """This size writes until the first choice."""
        self.current = name

    def forget(self) -> None:
        """Another checkpoint is loaded: forget everything."""
        self.current = ""
        self._outcomes.clear()
        self._waits.clear()
        self._failures.clear()
        self._rescues.clear()

    def wrote(self, name: str, in_time: bool) -> None:
        """A bar that this size was asked for was, or was not, complete at its bar line."""
        self._outcomes.setdefault(name, deque(maxlen=OUTCOMES_KEPT)).append(in_time)

    def rescued(self, name: str, bar: int, bar_seconds: float, parts: int) -> None:
        """A stand-in wrote this bar instead, in time: the player heard nothing of it, so it counts only if it happens often."""
        rescues = self._rescues.setdefault(name, deque(maxlen=RESCUES))
        rescues.append(bar)
        if len(rescues) == RESCUES and bar - rescues[0] < RESCUED_BARS:
            rescues.clear()
            self._let_wait(name, bar, bar_seconds, parts)

    def in_time_share(self, name: str) -> float | None:
        """Share of the last bars of a size that were in time; None before the first."""
        outcomes = self._outcomes.get(name)
        return sum(outcomes) / len(outcomes) if outcomes else None

    def choose(self, needs: Sequence[Need], bar: int, bar_seconds: float, parts: int) -> Choice:
        """The size for a bar. needs: of every loaded size, largest first, at least one."""
        names = [need.name for need in needs]
        running = names.index(self.current) if self.current in names else 0
        obstacle = ""
        for place, need in enumerate(needs):
            larger = bool(self.current) and place < running
            last = place + 1 == len(needs)
            fault = "" if last else self._fault(need, larger, bar, bar_seconds, parts)
            if not fault:
                self.current = need.name
                return Choice(need.name, self._why(need, last and len(needs) > 1, obstacle, bar_seconds))
            obstacle = obstacle or fault
        raise ValueError("no size is loaded")

    def _fault(self, need: Need, larger: bool, bar: int, bar_seconds: float, parts: int) -> str:
        """Why this size cannot write the bar; "" when it can."""
        self._look_at_lateness(need.name, bar, bar_seconds, parts)
        wait = self._waits.get(need.name)
        if wait is not None:
            easier = bar_seconds >= EASIER * wait.bar_seconds or parts < wait.parts
            if bar < wait.until_bar and not easier:
                return f"{need.name} was late"
            del self._waits[need.name]
        limit = GROW if larger else FIT
        if not need.measured and not need.covered:
            limit = min(limit, UNKNOWN_FIT)
        if need.seconds <= limit * bar_seconds:
            return ""
        return f"{need.name} needs {need.seconds:.1f} of {bar_seconds:.1f} s a bar"

    def _look_at_lateness(self, name: str, bar: int, bar_seconds: float, parts: int) -> None:
        outcomes = self._outcomes.get(name)
        if outcomes is None or len(outcomes) - sum(outcomes) <= LATE_ALLOWED:
            return
        self._let_wait(name, bar, bar_seconds, parts)
        outcomes.clear()

    def _let_wait(self, name: str, bar: int, bar_seconds: float, parts: int) -> None:
        failures = self._failures.get(name, 0)
        wait_bars = min(LONGEST_WAIT_BARS, FIRST_WAIT_BARS * 2**failures)
        self._failures[name] = failures + 1
        self._waits[name] = _Wait(bar + wait_bars, bar_seconds, parts)

    @staticmethod
    def _why(need: Need, smallest: bool, obstacle: str, bar_seconds: float) -> str:
        if smallest and need.seconds > FIT * bar_seconds:
            return f"{obstacle}; {need.name} is short of time, too" if obstacle else ""
        return obstacle or "in time at this tempo"


def expected_seconds(own: float, running: float, warm: Mapping[str, float], name: str, current: str) -> float:
    """What a size that does not run would take, by what the running one takes and by their measured ratio at rest.

    own: the size's own estimate, taken where the ratio is not known. A busy machine slows all sizes alike, so the ratio
    holds when times measured long ago no longer do.
    """
    mine, theirs = warm.get(name, 0.0), warm.get(current, 0.0)
    return running * mine / theirs if mine > 0 and theirs > 0 and running > 0 else own
