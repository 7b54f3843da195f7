"""The learning-rate schedule: warm-up, stable, decay (Hu et al. 2024, MiniCPM).

The decay can begin at any step, so a run can end well at any time. The time is passed in.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Schedule:
    """Shares of the full rate, by step.

    warmup, steps: planned lengths in steps; steps 0 = open-ended. decay_share: the share of the run with decay. decay_start
    (−1 = not begun), decay_steps, decay_level: the decay is a line from decay_level at decay_start to 0 decay_steps later.
    """

    warmup: int
    decay_share: float
    steps: int = 0
    decay_start: int = -1
    decay_steps: int = 0
    decay_level: float = 1.0

    def plan(self, step: int, seconds_left: float | None, seconds_used: float, seconds_per_step: float) -> None:
        """Begin the decay when only its share of the run remains, by steps or by time.

        Under a time limit the line is recomputed at every call, so that it ends at the limit even if the speed changes.
        """
        if self.decay_start < 0:
            by_steps = max(1, round(self.decay_share * self.steps))
            if self.steps and step >= self.steps - by_steps:
                self.begin_decay(step, self.steps - step)
        if seconds_left is None or seconds_per_step <= 0:
            return
        steps_left = int(seconds_left / seconds_per_step)
        if self.decay_start < 0 and seconds_left <= self.decay_share * (seconds_used + seconds_left):
            self.begin_decay(step, steps_left)
        elif self.decay_start >= 0 and (not self.steps or steps_left < self.steps - step):
            self.begin_decay(step, steps_left, self._line(step))

    def begin_decay(self, step: int, steps: int, level: float = 1.0) -> None:
        """Let the rate fall from `level` at `step` to 0 `steps` later."""
        self.decay_start, self.decay_steps, self.decay_level = step, steps, level

    def _line(self, step: int) -> float:
        if self.decay_start < 0:
            return 1.0
        return self.decay_level * max(0.0, 1 - (step - self.decay_start) / max(1, self.decay_steps))

    def factor(self, step: int) -> float:
        """The share of the full rate at a step counted from 0."""
        return min(1.0, (step + 1) / max(1, self.warmup)) * self._line(step)

    def end(self) -> int | None:
        """The step at which the run ends, as far as it is known."""
        return self.decay_start + self.decay_steps if self.decay_start >= 0 else self.steps or None

    def finished(self, step: int) -> bool:
        """Whether the rate has reached 0 or the planned steps are done."""
        end = self.end()
        return end is not None and step >= end
