"""How long another process has been silent, by the time in which this one was running. Pure; times are seconds of one clock.

A machine that stands still (a virtual machine's host takes its processors, memory is swapped out) stops the watched process and its
watcher alike. That time says nothing about the watched one.
"""

from __future__ import annotations

OWN_STALL_SECONDS = 1.0  # a turn of the watcher that takes longer than this is a stall of its own


class Silence:
    """Call `seconds` in each turn. until: silence is counted from this moment on."""

    def __init__(self, now: float, until: float) -> None:
        self._turn, self._heard = now, until

    def heard(self, now: float) -> None:
        """A sign of life came."""
        self._heard = now

    def seconds(self, now: float) -> float:
        """For how long nothing has been heard; negative before counting begins."""
        stood_still = now - self._turn
        self._turn = now
        if stood_still > OWN_STALL_SECONDS:
            self._heard += stood_still
        return now - self._heard
