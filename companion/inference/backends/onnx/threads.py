"""Whether decoding may use two threads that never sleep: learnt from how long steps take. Pure; times are given to it.

Two threads read weights and keys almost twice as fast as one, but only while both have a core: where something else runs on one
of them, they wait for each other, and one thread is quicker. Nothing says beforehand which it is, so both are tried.
"""

from __future__ import annotations

FIRST_ALONE = 6  # steps that show what one thread takes, before two are first tried
MEMORY = 16.0  # steps that a running mean goes back over
SHORTEST_BREAK = 16  # steps with one thread after two were slower; doubled each time they still are
LONGEST_BREAK = 256
TRUST = 32  # steps with two threads after which breaks are short again
OUTLIER = 3.0  # times one thread's mean: longer steps count as this long, or a single hiccup would decide
HOPE = 0.7  # of one thread's time is what two are expected to take when they are tried again


class ThreadChoice:
    """Asks for two threads while they are the quicker ones. One for each kind of step, as only equals compare."""

    def __init__(self) -> None:
        self.together = False
        self._mean = {False: 0.0, True: 0.0}
        self._left = FIRST_ALONE
        self._break = SHORTEST_BREAK

    def took(self, seconds: float) -> None:
        """A step, run as `together` asked, took so long."""
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
