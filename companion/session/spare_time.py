"""Work that may wait. It is done in small steps at moments without notes, well before its results are needed.

At a bar line many notes leave and many arrive, so nothing else is done there. The work begins a moment later, between the places on
which notes usually lie: one step in each turn, and none just before a note is due. It is over before the first prefill of the bar,
which needs the results.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator

from companion.session.timing.musical_time import MusicalTime

AFTER_LINE_BEATS = 1 / 16
PAUSE_SECONDS = 0.001  # between two steps: time for what arrives meanwhile
NOTE_COMES_SECONDS, NOTE_GONE_SECONDS = 0.003, 0.0005  # a step waits for a note this close, and for the note to be sent


class SpareTime:
    """Iterators whose steps are done one after another. A step takes a fraction of a millisecond."""

    def __init__(self, time: MusicalTime) -> None:
        self._time = time
        self._work: deque[Iterator[None]] = deque()
        self._from_beats = 0.0  # session position
        self._not_before = 0.0  # seconds

    def bar_began(self, bar: int) -> None:
        """A bar line: what is added now begins a little behind it."""
        self._from_beats = self._time.timeline.start(bar) + AFTER_LINE_BEATS

    def add(self, *works: Iterator[None]) -> None:
        """Do these, in their order, after what was added before."""
        self._work.extend(works)

    def due_seconds(self) -> float:
        """When the next step is due; infinity where there is none."""
        return max(self._time.to_seconds(self._from_beats), self._not_before) if self._work else math.inf

    def run_due(self, now: float, next_note: Callable[[], float]) -> None:
        """Do a step if one is due. next_note: tells when the next note is due, in seconds."""
        if now < self.due_seconds():
            return
        note = next_note()
        if now < note <= now + NOTE_COMES_SECONDS:
            self._not_before = note + NOTE_GONE_SECONDS
            return
        self._not_before = now + PAUSE_SECONDS
        for _ in self._work[0]:
            return
        self._work.popleft()

    def finish(self) -> None:
        """Do everything at once, since its results are needed."""
        while self._work:
            for _ in self._work.popleft():
                pass
