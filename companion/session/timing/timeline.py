"""The bars of the session: the beginning, meter and song bar of each.

Session bars only count up. A start, a seek or the end of a loop begins a new session bar, which plays an earlier (or later) bar of
the song. History therefore stays in the order in which it was heard. Positions are beats (quarter notes) on the session's own axis,
on which session bars lie end to end. The module knows no clock.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass

from companion.music import TimeSignature

SongBarRule = Callable[[int], int]  # song bar → the one after it
MeterRule = Callable[[int], TimeSignature]  # song bar → its meter


@dataclass(frozen=True, slots=True)
class Place:
    """A bar and how far into it, in beats."""

    bar: int
    beat: float


class Timeline:
    """The layout of bars. It grows on demand, and bars that have not begun can be laid out again."""

    def __init__(self, meter_of: MeterRule, next_song_bar: SongBarRule) -> None:
        self._meter_of = meter_of
        self._next_song_bar = next_song_bar
        self.starts: list[float] = [0.0]
        self.meters: list[TimeSignature] = [meter_of(0)]
        self.song_bars: list[int] = [0]
        self.segment_bar = 0  # the first bar since the last start or jump
        self.version = 0  # grows whenever bars are laid out again

    def ensure(self, bar: int) -> None:
        """Lay out bars up to and including this one."""
        while len(self.starts) <= bar:
            self.starts.append(self.starts[-1] + float(self.meters[-1].beats))
            self.song_bars.append(self._next_song_bar(self.song_bars[-1]))
            self.meters.append(self._meter_of(self.song_bars[-1]))

    def start(self, bar: int) -> float:
        """Return the position of the bar line at the beginning of a bar."""
        self.ensure(bar)
        return self.starts[bar]

    def end(self, bar: int) -> float:
        """Return the position of the bar line at the end of a bar."""
        self.ensure(bar)
        return self.starts[bar] + float(self.meters[bar].beats)

    def meter(self, bar: int) -> TimeSignature:
        """Return the time signature of a bar."""
        self.ensure(bar)
        return self.meters[bar]

    def song_bar(self, bar: int) -> int:
        """Return which bar of the song (or since the start) this is."""
        self.ensure(bar)
        return self.song_bars[bar]

    def seam_after(self, bar: int, within_beats: float) -> float | None:
        """Return the position of the next bar line at which the song jumps, if it comes so soon after this bar's line."""
        after = bar + 1
        while self.start(after) - self.start(bar) < within_beats:
            if self.song_bar(after) != self.song_bar(after - 1) + 1:
                return self.start(after)
            after += 1
        return None

    def locate(self, position: float) -> Place:
        """Return the bar that contains a position. A position before the first bar is a negative beat of that bar."""
        while position >= self.end(len(self.starts) - 1):
            self.ensure(len(self.starts))
        bar = max(bisect_right(self.starts, position) - 1, 0)
        return Place(bar, position - self.starts[bar])

    def relay(self, after: int) -> None:
        """Forget the layout after bar `after`, because meters or the order of song bars have changed."""
        self.version += 1
        keep = after + 1
        del self.starts[keep:], self.meters[keep:], self.song_bars[keep:]

    def jump(self, after: int, song_bar: int) -> int:
        """Make `song_bar` the bar after `after`, and return its number. after = -1 lays out everything again."""
        position = self.end(after) if after >= 0 else 0.0
        self.relay(after)
        self.starts.append(position)
        self.song_bars.append(song_bar)
        self.meters.append(self._meter_of(song_bar))
        self.segment_bar = after + 1
        return after + 1
