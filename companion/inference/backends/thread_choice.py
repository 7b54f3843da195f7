"""Decides from the measured step times whether the threads of an engine share the work of single tokens. Pure; it is given the times.

Two threads read weights and keys almost twice as fast as one, but only while each has a core to itself. If another program
occupies one of the cores, the threads wait for each other, and one thread is quicker. The case cannot be known in advance, so
both ways are tried.
"""

from __future__ import annotations

FIRST_ALONE = 6  # steps that measure one thread before two are first tried
MEMORY = 16.0  # steps that a running mean covers
SHORTEST_BREAK = 16  # steps with one thread after two were slower; doubled each time they still are
LONGEST_BREAK = 256
TRUST = 32  # steps with two threads after which breaks are short again
OUTLIER = 3.0  # × one thread's mean: longer steps are capped here, so that a single hiccup does not decide
HOPE = 0.7  # × one thread's time: the expected time of two threads when they are tried again


class ThreadChoice:
    """Asks for two threads while they are quicker. Each kind of step needs its own object, since only like steps compare."""

    def __init__(self) -> None:
        self.together = False
        self._mean = {False: 0.0, True: 0.0}
        self._left = FIRST_ALONE
        self._break = SHORTEST_BREAK

    def took(self, seconds: float) -> None:
        """Take note of the time of a step that ran as `together` asked."""
        if self._mean[False]:
            seconds = min(seconds, OUTLIER * self._mean[False])
        mean = self._mean[self.together]
        self._mean[self.together] = mean + (seconds - mean) / MEMORY if mean else seconds
        self._left -= 1
        if not self.together and self._left <= 0:
            self.together, self._left = True, TRUST
            self._mean[True] = HOPE * self._mean[False]
        elif self.together and self._mean[True] > self._mean[False]:
            self.together, self._left = False, self._break
            self._break = min(2 * self._break, LONGEST_BREAK)
        elif self.together and self._left <= 0:
            self._break = SHORTEST_BREAK
