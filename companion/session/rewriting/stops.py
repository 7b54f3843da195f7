"""Notices that the player has stopped dead. Pure: positions in quarter notes, no clock.

A player who comps leaves short gaps, and a player of a melody breathes. A silence is a stop if it is twice as long as any gap of the
last bars (but one), and at least a beat. A soloist's rest is therefore not a stop, and there is no stop before the player has played
for a while.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

BARS_LOOKED_AT, FEWEST_BARS = 8, 4
LONGER = 2.0  # times as long as the gaps so far
SHORTEST_BEATS = 1.0
DEAD_BEATS = 1.0  # before the bar line: a silence that began earlier belongs to the bar before

Span = tuple[float, float]  # where a note begins and ends; positions in beats


class Stops:
    """The player's gaps, bar by bar."""

    def __init__(self) -> None:
        self._gaps: deque[float] = deque(maxlen=BARS_LOOKED_AT)  # the longest one of each bar
        self._end = 0.0  # of the last note before the present bar

    def clear(self) -> None:
        """The music jumped."""
        self._gaps.clear()

    def bar_over(self, line: float, end: float, notes: Iterable[Span]) -> None:
        """A bar from `line` to `end` is over. Silence at its end counts as a gap only when it ends."""
        spans = sorted(notes)
        if not self._gaps and not spans:
            return  # the player has not begun
        last = self._end if self._gaps else line
        longest = 0.0
        for begin, until in spans:
            longest = max(longest, begin - last)
            last = max(last, until)
        self._gaps.append(longest if spans else end - line)
        self._end = last

    def stopped(self, position: float, line: float, notes: Iterable[Span]) -> bool:
        """Whether the player has stopped dead by a position in the bar that began at `line`. notes: of this bar so far."""
        if len(self._gaps) < FEWEST_BARS:
            return False
        last, longest = self._end, sorted(self._gaps)[-2]
        for begin, until in sorted(notes):
            longest = max(longest, begin - last) if begin - last < LONGER * longest else longest
            last = max(last, until)
        return last >= line - DEAD_BEATS and position - last >= max(SHORTEST_BEATS, LONGER * longest)
