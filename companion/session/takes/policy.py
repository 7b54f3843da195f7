"""How many takes of each part's bar are asked for. Choosing must never make a bar late. Pure: seconds and bars, no clock.

The rule:

1. As long as requests of this size have not been measured, one take is asked for.
2. After that, the wanted number is asked for, or a half, a quarter … of it, whichever fits first: the lead of a request with
   this many takes must fit into `FIT` of a bar. To ask for more than before, it must fit into `GROW` of a bar.
3. A request that goes out late has as many takes as the time that is left allows.
4. When a bar with several takes is not complete at its bar line, one take is asked for during the next 16 bars, and after each
   further such bar twice as long, up to 256 bars.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

FIT, GROW = 0.5, 0.4  # shares of a bar; the rest of it is left for listening to the player
SLACK = 0.9  # share of its lead that a request may still need when it goes out a little late: the lead has a margin
FIRST_PAUSE_BARS, LONGEST_PAUSE_BARS = 16, 256

LeadOf = Callable[[int], float]  # seconds before the bar line at which a request with this many takes must go out


class TakesPolicy:
    """Remembers how many takes were asked for, and which bars were late."""

    def __init__(self) -> None:
        self._now = 1
        self._pause_bars = FIRST_PAUSE_BARS
        self._paused_until = -1  # bar

    def choose(self, wanted: int, bar: int, bar_seconds: float, lead_of: LeadOf, *, measured: bool) -> int:
        """The takes of each part in a bar. measured: whether requests of this size have been measured."""
        found = 1
        if measured and bar >= self._paused_until:
            found = next(
                takes
                for takes in _numbers(wanted)
                if takes == 1 or lead_of(takes) <= (FIT if takes <= self._now else GROW) * bar_seconds
            )
        self._now = found
        return found

    def in_time(self, takes: int, seconds_left: float, lead_of: LeadOf) -> int:
        """As many takes, up to `takes`, as the time up to the bar line allows; at least one."""
        return next(number for number in _numbers(takes) if number == 1 or SLACK * lead_of(number) <= seconds_left)

    def was_late(self, bar: int) -> None:
        """A bar with several takes was not complete at its bar line."""
        self._paused_until = bar + self._pause_bars
        self._pause_bars = min(LONGEST_PAUSE_BARS, 2 * self._pause_bars)


def _numbers(most: int) -> Iterator[int]:
    """`most`, and its halves down to 1."""
    while most > 1:
        yield most
        most //= 2
    yield 1
