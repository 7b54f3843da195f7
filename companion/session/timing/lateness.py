"""Tells ticks that were lost from ticks that came late: what the lateness of several ticks says, and what those after it say.

A lost tick makes all later ones late by exactly one tick. A master that stands still for a moment, such as a program whose audio
breaks off, makes them late by any amount, and may do so in several steps. Nothing is lost then: the master's own position stood still
too. So ticks count as lost only where the lateness is steady and a whole number of ticks, within what jitter explains.

Pure; knows arrivals and periods, and nothing of the fitted line.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median

SHORT_GAP_SECONDS = 0.25  # after a longer silence the master is taken to have gone on, whatever the phase says
WHOLE_PERIODS = 0.06  # lateness this close to a whole number of ticks is one …
WHOLE_ERRORS = 4.0  # … or within this many standard errors of its estimate
STEADY_PERIODS = 0.15  # lateness that changes by more among late ticks has not come from lost ticks alone …
STEADY_SIGMAS = 4.0  # … unless jitter explains it …
STRAY_IN = 6  # … or only one tick in this many differs
FIRST_PERIODS = 0.3  # how much less late the first late tick may be
CAME_BACK_SECONDS = 2.0  # how long afterwards ticks that were counted in may still arrive
BUNCHED_PERIODS = 0.5  # a tick this close behind another one has been held up
CLOSE_PERIODS = 0.25  # how far from a whole number of ticks one that came after all may lie


def lost_ticks(behind: Sequence[float], gap_seconds: float, period: float, sigma_seconds: float, known: int) -> int:
    """How many ticks were lost before the first of these late ticks; 0 where the master stood still.

    behind: how late each tick is, in periods, oldest first. gap_seconds: from the last tick in time to the first late one.
    period, sigma_seconds: the tick's length and jitter. known: how many ticks the line was fitted through.
    """
    nearest = max(0, round(min(behind)))
    if gap_seconds > SHORT_GAP_SECONDS or known < 2:
        return nearest
    sigma = sigma_seconds / period
    # The standard error of the line's slope is σ·√12 / n^1.5; over the gap it displaces what is expected.
    error = sigma * (1 / math.sqrt(len(behind)) + math.sqrt(12) / known**1.5 * gap_seconds / period)
    middle = median(behind)
    whole = abs(middle - round(middle)) <= max(WHOLE_PERIODS, WHOLE_ERRORS * error)
    limit = max(STEADY_PERIODS, STEADY_SIGMAS * sigma)
    # A tick may be an outlier; but a first one that is less late than the others shows that the master stood still twice.
    stray = sum(abs(each - middle) > limit for each in behind)
    steady = stray <= max(1, len(behind) // STRAY_IN) and behind[0] >= middle - max(FIRST_PERIODS, limit)
    return nearest if whole and steady else 0


class EarlierLosses:
    """The ticks that were counted in lately, in case they arrive after all."""

    def __init__(self) -> None:
        self._left = 0
        self._until = -math.inf  # seconds

    def add(self, now: float, ticks: int) -> None:
        """Ticks were counted in."""
        if ticks:
            self._left = ticks + (self._left if now < self._until else 0)
            self._until = now + CAME_BACK_SECONDS

    def forget(self) -> None:
        """The count begins anew."""
        self._left = 0

    def came_after_all(self, now: float, bunched_seconds: float, predicted: float, period: float) -> int:
        """How many of them have arrived, seen from a tick that came too early. bunched_seconds: since the tick before."""
        if not self._left or now >= self._until or bunched_seconds > BUNCHED_PERIODS * period:
            return 0
        early = (predicted - now) / period
        ticks = round(early)
        if not 1 <= ticks <= self._left or abs(early - ticks) > CLOSE_PERIODS:
            return 0
        self._left -= ticks
        return ticks
