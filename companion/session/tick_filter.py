"""Where the master's ticks truly lie, given when they arrived: a line through the last ticks, as long as it fits.

Arrival times jitter by milliseconds; counting gives the position, this gives phase, tempo and prediction. A straight line is
fitted through up to 96 ticks (least squares, outliers pulled in); as soon as a run of residuals of one sign is too long to be
chance, only that run is kept, so that a new tempo is followed within a fraction of a beat.
Knows indices of ticks and seconds; nothing of transport, bars or messages. Measured by `python -m companion.bench.clock_sim`.
"""

from __future__ import annotations

import math

MAX_WINDOW = 96  # four beats: 0.3 of the jitter when predicting one beat ahead
OUTLIER_SIGMAS = 3.0  # a residual beyond this is pulled in to it
RUN_SIGNIFICANCE = 5.0  # sum of a run's residuals, in standard errors, that is no chance any more
MIN_RUN = 4
JUMP_RATIO = 0.2  # a tempo more than this away over four ticks is a new tempo at once …
JUMP_SIGMAS = 8.0  # … unless jitter could look like it
GAP_RATIO = 1.6  # an interval this much too long: a missing tick, or half the tempo
BUNCH_RATIO = 0.6  # after a gap, an interval shorter than this: ticks that were held up, coming in a bunch
MAX_BUNCH = 12  # ticks; by then the gap is judged whatever comes
LONG_AGAIN_RATIO = 1.5  # and the next one this much too long: then it is the tempo
MIN_SIGMA_SECONDS = 0.0002
START_SIGMA_SECONDS = 0.002
REBASE_TICKS = 480  # how far sums may run from their origin before rounding could be felt
PRIOR_WEIGHT = 1.0  # of the tempo assumed before any tick, in tick² (four ticks weigh 5)
MIN_PERIOD_SECONDS = 60 / (24 * 480)
MAX_PERIOD_SECONDS = 60 / (24 * 5)


class TickFilter:
    """Indices of ticks (counted from the first ever) and the line that maps them to seconds.

    missed: ticks that never came and were put into the count. sigma_seconds: the jitter, as a standard deviation.
    """

    def __init__(self, period_seconds: float) -> None:
        self.period_seconds = period_seconds
        self.sigma_seconds = START_SIGMA_SECONDS
        self.index = -1  # of the newest tick
        self.missed = 0
        self.last_seconds = -math.inf  # arrival of the newest tick
        self._prior = period_seconds
        self._fit_seconds = 0.0  # of the newest tick, by the line
        self._indices: list[int] = []
        self._raw: list[float] = []
        self._pulled: list[float] = []
        self._sums = _Sums()
        self._run = 0  # residuals of one sign, at the end
        self._run_sum = 0.0
        self._gap_pending = False
        self._gap_ticks = 0  # ticks since the gap, the one that ended it included
        self._gap_start = 0.0  # arrival of the last tick before it

    def seconds_at(self, index: float) -> float:
        """When this tick is (or was) due."""
        return self._fit_seconds + (index - self.index) * self.period_seconds

    def index_at(self, seconds: float) -> float:
        """Which tick, in fractions, this time is; the inverse of `seconds_at`."""
        return self.index + (seconds - self._fit_seconds) / self.period_seconds

    def add(self, now: float) -> None:
        """A tick arrived at `now`."""
        interval = now - self.last_seconds
        predicted = self._fit_seconds + self.period_seconds
        established = len(self._raw) >= 8
        if self._gap_pending:
            if interval < BUNCH_RATIO * self.period_seconds and self._gap_ticks < MAX_BUNCH:
                self._gap_ticks += 1
            else:
                self._resolve_gap(now, interval)
                predicted = self._fit_seconds + self.period_seconds
        elif established and self._is_long(interval):
            self._gap_pending, self._gap_ticks, self._gap_start = True, 1, self.last_seconds
        self.index += 1
        self.last_seconds = now
        if self._gap_pending:
            self._append(now, now)
            self._fit_seconds = predicted
            return
        self._add_residual(now, predicted if established else math.nan)
        self._fit()

    def restart(self, now: float, skipped: int = 0) -> None:
        """The first tick after a silence, `skipped` ticks having been missed; the tempo is assumed to be the same."""
        self.index += 1 + skipped
        self.missed += skipped
        self._forget(0)
        self._prior = self.period_seconds
        self._append(now, now)
        self.last_seconds = self._fit_seconds = now

    def _append(self, raw: float, pulled: float) -> None:
        self._indices.append(self.index)
        self._raw.append(raw)
        self._pulled.append(pulled)
        if len(self._raw) == 1:
            self._sums.restart(self._indices, self._pulled)
        else:
            self._sums.add(self.index, pulled, 1)
        if len(self._raw) > MAX_WINDOW:
            self._sums.add(self._indices[0], self._pulled[0], -1)
            del self._indices[0], self._raw[0], self._pulled[0]

    def _forget(self, keep: int) -> None:
        """Keep the last `keep` ticks, as they arrived."""
        cut = len(self._raw) - keep
        del self._indices[:cut], self._raw[:cut]
        self._pulled = list(self._raw)
        self._sums.restart(self._indices, self._pulled)
        self._run, self._run_sum = 0, 0.0
        self._gap_pending = False

    def _resolve_gap(self, now: float, interval: float) -> None:
        """The first tick in tempo after a long interval tells whether ticks were missing or the tempo is new.

        Ticks that were only held up come in a bunch, which is waited for: a phantom tick would shift the music for good.
        """
        self._gap_pending = False
        late = self._gap_ticks
        if late == 1 and interval > LONG_AGAIN_RATIO * self.period_seconds + self.sigma_seconds:
            self._forget(2)
            self._prior = interval
            return
        missing = max(0, round((now - self._gap_start) / self.period_seconds) - late - 1)
        self.missed += missing
        self.index += missing
        limit = OUTLIER_SIGMAS * self.sigma_seconds
        for back in range(late):
            at = len(self._raw) - 1 - back
            self._indices[at] += missing
            predicted = self._fit_seconds + (missing - back) * self.period_seconds
            self._pulled[at] = predicted + max(-limit, min(limit, self._raw[at] - predicted))
        self._sums.restart(self._indices, self._pulled)
        self._fit()

    def _is_long(self, interval: float) -> bool:
        return interval > GAP_RATIO * self.period_seconds + 4 * self.sigma_seconds

    def _add_residual(self, now: float, predicted: float) -> None:
        if math.isnan(predicted):
            self._append(now, now)
            return
        residual = now - predicted
        limit = OUTLIER_SIGMAS * self.sigma_seconds
        pulled = max(-limit, min(limit, residual))
        self._append(now, predicted + pulled)
        self._run = self._run + 1 if residual * self._run_sum > 0 else 1
        self._run_sum = self._run_sum + pulled if self._run > 1 else pulled
        if self._run >= MIN_RUN and self._tempo_changed():
            self._forget(self._run + 1)
            self._prior = (self._raw[-1] - self._raw[0]) / (self._indices[-1] - self._indices[0])
            return
        # mean |x| of a normal distribution is 0.8 σ
        self.sigma_seconds += (abs(pulled) * 1.25 - self.sigma_seconds) / 48
        self.sigma_seconds = max(self.sigma_seconds, MIN_SIGMA_SECONDS)

    def _tempo_changed(self) -> bool:
        run = self._run
        if abs(self._run_sum) > RUN_SIGNIFICANCE * self.sigma_seconds * math.sqrt(run):
            return True
        span = min(run, 4)
        recent = (self._raw[-1] - self._raw[-1 - span]) / span
        drift = abs(recent - self.period_seconds)
        return drift > JUMP_RATIO * self.period_seconds and drift * span > JUMP_SIGMAS * self.sigma_seconds

    def _fit(self) -> None:
        """Least squares of time over index; few ticks lean on the tempo before."""
        sums = self._sums
        if self.index - sums.origin_index > REBASE_TICKS:
            sums.restart(self._indices, self._pulled)
        count = len(self._pulled)
        spread = sums.xx - sums.x * sums.x / count
        shared = sums.xt - sums.x * sums.t / count
        period = (shared + PRIOR_WEIGHT * self._prior) / (spread + PRIOR_WEIGHT)
        self.period_seconds = max(MIN_PERIOD_SECONDS, min(MAX_PERIOD_SECONDS, period))
        newest = self.index - sums.origin_index
        self._fit_seconds = sums.origin_seconds + sums.t / count + (newest - sums.x / count) * self.period_seconds


class _Sums:
    """Running sums over (index, seconds), relative to an origin that must not be too far away."""

    def __init__(self) -> None:
        self.origin_index = 0
        self.origin_seconds = 0.0
        self.x = self.t = self.xx = self.xt = 0.0

    def add(self, index: int, seconds: float, sign: int) -> None:
        """Take a point in (sign 1) or out (-1)."""
        x, t = index - self.origin_index, seconds - self.origin_seconds
        self.x += sign * x
        self.t += sign * t
        self.xx += sign * x * x
        self.xt += sign * x * t

    def restart(self, indices: list[int], seconds: list[float]) -> None:
        """Sum these points anew, relative to the last."""
        self.x = self.t = self.xx = self.xt = 0.0
        if indices:
            self.origin_index, self.origin_seconds = indices[-1], seconds[-1]
        for index, second in zip(indices, seconds, strict=True):
            self.add(index, second, 1)
