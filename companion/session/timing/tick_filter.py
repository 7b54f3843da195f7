"""Estimates when the master sent its ticks from when they arrived, with a line fitted through the last ticks.

Arrival times jitter by milliseconds. Counting ticks gives the position; this filter gives phase, tempo and prediction. It fits a
straight line through up to 96 ticks (least squares, outliers pulled in). When a run of residuals of one sign is too long to be
chance, only that run is kept, so a new tempo is followed within a fraction of a beat.

A tick that comes far too late has four possible causes. If it was delayed, the following ticks arrive in a bunch and catch up. If
ticks before it were lost, all following ticks are late by the same whole number of ticks. If the master itself stood still, as a
program does whose audio broke off, they are late by any amount, and nothing was lost. If the tempo is slower, they get later and
later. Until the cause is clear the line stays as it was, because a miscounted tick would shift the music for good. Ticks that were
taken for lost and catch up after all are taken back.

Some hosts send their ticks once per audio buffer, and the buffer may be a little shorter than a tick (1,024 frames at 48 kHz and
111-117 BPM). Such a host looks like a faster clock that loses a tick now and then. The regular spacing of the losses shows that
nothing was lost, and the added ticks are taken back.

The filter knows tick indices and seconds, and nothing of transport, bars or messages.
It is measured by `python -m companion.bench.live.clock_sim`.
"""

from __future__ import annotations

import math
from itertools import pairwise
from statistics import linear_regression, median

from companion.session.timing.lateness import EarlierLosses, lost_ticks
from companion.session.timing.running_sums import RunningSums

MAX_WINDOW = 96  # four beats: 0.3 of the jitter when predicting one beat ahead
ESTABLISHED_TICKS = 8  # with fewer there is no line to measure lateness against
OUTLIER_SIGMAS = 3.0  # a residual beyond this is pulled in to it
RUN_SIGNIFICANCE = 5.0  # a run is no longer chance when its residuals sum to this many standard errors
MIN_RUN = 4
JUMP_RATIO = 0.2  # a change beyond this over four ticks is a new tempo at once …
JUMP_SIGMAS = 8.0  # … unless jitter could look like it
TRUSTED_TICKS, GAP_PERIODS = 24, 4.0  # a line with fewer ticks accepts any tick that is less late than this
LATE_PERIODS, LATE_SIGMAS = 0.6, 4.0  # a tick later than both limits is judged by the ticks after it
CAUGHT_UP_PERIODS = 0.5  # ticks less late than this again were only delayed
JUDGED_TICKS, JUDGED_TICKS_NOISY = 5, 12  # number of late ticks to judge (more if they jitter)
NOISY_PERIODS = 0.05  # jitter from here on is "noisy"
JUDGED_SECONDS = 0.12  # wait before lost ticks are counted in; by then all delayed ticks have come
SLOWER_RATIO = 1.1  # late ticks with this ratio of spacing, by median and by slope, mean a new tempo
HOLE_PERIODS = 1.5  # gap between two ticks in which one may be lost
LONG_RATIO, LONG_IN_A_ROW = 1.5, 2  # so many gaps in a row of this length also decide
SAME_LINE_PERIODS = 0.25  # with lost ticks counted in, within this distance the old line still holds
MIN_SIGMA_SECONDS = 0.0002
START_SIGMA_SECONDS = 0.002
REBASE_TICKS = 480  # how far sums may run from their origin before rounding could be felt
FRAMED_SPACINGS, FRAMED_SPACINGS_LONG, LONG_SPACING = (
    4,
    2,
    100,
)  # so many equal ticks between losses (fewer of long ones)
LOSSES_KEPT = 12
FRAMED_DRIFT = 0.06  # a smaller change of tempo may be another stretch of the same frames
FRAMED_CHANGE_PERIODS = 1.3  # frames alone displace no tick by more than one period
FRAMED_SIGMA_PERIODS = 0.29  # standard deviation of a uniform distribution over one period
PRIOR_WEIGHT = 1.0  # weight of the tempo assumed before any tick, in tick² (four ticks weigh 5)
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
        self._sums = RunningSums()
        self._run = 0  # residuals of one sign, at the end
        self._run_sum = 0.0
        self._losses: list[int] = []  # number of ticks that had arrived at each of the last losses
        self._arrived = 0
        self._framed = False  # delivered in frames a little shorter than a tick
        self._late: list[float] = []  # arrivals of ticks that are being judged; the line does not know them yet
        self._counted_in = EarlierLosses()

    def seconds_at(self, index: float) -> float:
        """Return when this tick is (or was) due."""
        return self._fit_seconds + (index - self.index) * self.period_seconds

    def index_at(self, seconds: float) -> float:
        """Return the tick index, with fractions, at this time. It is the inverse of `seconds_at`."""
        return self.index + (seconds - self._fit_seconds) / self.period_seconds

    @property
    def established(self) -> bool:
        """Whether there is a line at all."""
        return len(self._raw) >= ESTABLISHED_TICKS

    def add(self, now: float) -> None:
        """Take a tick that arrived at `now`."""
        predicted = self._fit_seconds + self.period_seconds
        established = self.established
        self.index += 1
        self._arrived += 1
        bunched, self.last_seconds = now - self.last_seconds, now
        if not self._late and (extra := self._counted_in.came_after_all(now, bunched, predicted, self.period_seconds)):
            predicted = self._take_back(extra)
        limit = max(LATE_PERIODS * self.period_seconds, LATE_SIGMAS * self.sigma_seconds)
        judging = len(self._raw) >= TRUSTED_TICKS or now - predicted > GAP_PERIODS * self.period_seconds
        if self._late or (established and judging and now - predicted > limit):
            self._late.append(now)
            self._fit_seconds = predicted
            self._judge()
            return
        self._add_residual(now, predicted if established else math.nan)
        self._fit()

    def begin(self, now: float) -> None:
        """Take the tick from which positions are counted. A master may restart its ticks, so only the tempo is kept."""
        self._late, self._losses = [], []  # ticks counted in before do not belong to the new count
        self._counted_in.forget()
        residual = now - self._fit_seconds - self.period_seconds
        if abs(residual) < max(SAME_LINE_PERIODS * self.period_seconds, OUTLIER_SIGMAS * self.sigma_seconds):
            self.add(now)
        else:
            self.restart(now)

    def settle(self) -> None:
        """Judge late ticks by what is known, because the master stops and no tick follows."""
        while self._late:
            if self._has_hole() and not self._is_slower(JUDGED_TICKS):
                self._count_in()
            elif len(self._late) > 1:
                self._follow_slower()
            else:
                self._was_held_up()

    def restart(self, now: float) -> None:
        """Take the first tick after a silence. The tempo is assumed to be the same."""
        self.index += 1
        self._forget(0)
        self._losses = []
        self._counted_in.forget()
        self._prior = self.period_seconds
        self._append(self.index, now, now)
        self.last_seconds = self._fit_seconds = now

    # -- ticks that are late ------------------------------------------------------------------------------------------

    def _judge(self) -> None:
        """Decide as soon as the late ticks allow it."""
        late, period = self._late, self.period_seconds
        needed = JUDGED_TICKS_NOISY if self.sigma_seconds > NOISY_PERIODS * period else JUDGED_TICKS
        if late[-1] - self._fit_seconds < CAUGHT_UP_PERIODS * period:
            self._was_held_up()
        elif self._is_slower(needed):
            self._follow_slower()
        elif len(late) >= needed and late[-1] - late[0] >= JUDGED_SECONDS:
            self._count_in() if self._has_hole() else self._follow_slower()

    def _is_slower(self, needed: int) -> bool:
        """Whether the late ticks lie further apart than the line says, not only further back."""
        late, period = self._late, self.period_seconds
        if len(late) > LONG_IN_A_ROW and min(_intervals(late)) > LONG_RATIO * period + self.sigma_seconds:
            return True
        if len(late) < needed:
            return False
        recent = late[-max(JUDGED_TICKS, len(late) // 2) :]  # the first ones may have been delayed
        slope = linear_regression(range(len(recent)), recent).slope
        return min(slope, median(_intervals(recent))) > SLOWER_RATIO * period

    def _has_hole(self) -> bool:
        """Whether there was room for a lost tick before the first late one. Without room, the ticks became late gradually."""
        return not self._raw or self._late[0] - self._raw[-1] > HOLE_PERIODS * self.period_seconds

    def _was_held_up(self) -> None:
        """Handle late ticks of which none was lost. Only the last one, which is nearly in time, goes into the line."""
        now, held = self._late[-1], len(self._late) - 1
        for _ in range(held):
            self._widen(OUTLIER_SIGMAS * self.sigma_seconds)
        self._late = []
        self._add_residual(now, self._fit_seconds)
        self._fit()

    def _follow_slower(self) -> None:
        """Fit a new line to the late ticks."""
        late = list(self._late)
        self._forget(0)
        self._follow((late[-1] - late[0]) / (len(late) - 1))
        for number, arrival in enumerate(late):
            self._append(self.index - len(late) + 1 + number, arrival, arrival)
        self._fit()

    def _count_in(self) -> None:
        """Count in lost ticks, if any were lost. Later ticks that are further behind than the least late one keep waiting."""
        late, period = self._late, self.period_seconds
        due = [self._fit_seconds - back * period for back in reversed(range(len(late)))]
        behind = [(arrival - at) / period for arrival, at in zip(late, due, strict=True)]
        gap = late[0] - self._raw[-1] if self._raw else math.inf
        lost = lost_ticks(behind, gap, period, self.sigma_seconds, len(self._raw))
        if abs(min(behind) - lost) > SAME_LINE_PERIODS:
            self._forget(0)
            self._prior = period
        known = max(number for number, periods in enumerate(behind) if periods < min(behind) + CAUGHT_UP_PERIODS) + 1
        limit = OUTLIER_SIGMAS * self.sigma_seconds
        first = self.index - len(late) + 1 + lost
        for number, (arrival, at) in enumerate(zip(late[:known], due, strict=False)):
            expected = at + lost * period
            pulled = expected + max(-limit, min(limit, arrival - expected)) if self._raw else arrival
            self._append(first + number, arrival, pulled)
        self.missed += lost
        self.index += lost
        self._counted_in.add(late[-1], lost)
        self._late = late[known:]
        self._fit()
        if lost:
            self._losses = [*self._losses[-LOSSES_KEPT:], self._arrived - len(late)] if lost == 1 else []
            self._look_for_frames()

    def _take_back(self, ticks: int) -> float:
        """Take back ticks that were counted in as lost, and came. Returns when the newest tick was due."""
        self.index -= ticks
        self.missed -= ticks
        self._losses = []
        kept = sum(index < self.index for index in self._indices)  # the others were ticks that came late
        del self._indices[kept:], self._raw[kept:], self._pulled[kept:]
        self._sums.restart(self._indices, self._pulled)
        self._run, self._run_sum = 0, 0.0
        self._fit_seconds -= ticks * self.period_seconds
        return self._fit_seconds + self.period_seconds

    def _look_for_frames(self) -> None:
        """Take back the added ticks if the losses are as regular as the beat between two frequencies, since nothing was lost then."""
        invented = len(self._losses)
        spacing = min(filter(None, (_even_spacing(self._losses, stride) for stride in (1, 2))), default=0)
        if not spacing:
            return
        self._framed, self._losses = True, []
        self.index -= invented
        self.missed -= invented
        self._prior = self.period_seconds * (1 + 1 / spacing)
        self.period_seconds = self._prior
        end = self.index - len(self._late) + 1  # the line does not know those that are still being judged
        self._indices = list(range(end - len(self._raw), end))
        self._pulled = list(self._raw)
        self._sums.restart(self._indices, self._pulled)
        self._run, self._run_sum = 0, 0.0
        self._widen(0.0)
        self._fit()

    # -- the line -----------------------------------------------------------------------------------------------------

    def _append(self, index: int, raw: float, pulled: float) -> None:
        self._indices.append(index)
        self._raw.append(raw)
        self._pulled.append(pulled)
        if len(self._raw) == 1:
            self._sums.restart(self._indices, self._pulled)
        else:
            self._sums.add(index, pulled, 1)
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
        self._late = []

    def _add_residual(self, now: float, predicted: float) -> None:
        if math.isnan(predicted):
            self._append(self.index, now, now)
            return
        residual = now - predicted
        limit = OUTLIER_SIGMAS * self.sigma_seconds
        pulled = max(-limit, min(limit, residual))
        self._append(self.index, now, predicted + pulled)
        self._run = self._run + 1 if residual * self._run_sum > 0 else 1
        self._run_sum = self._run_sum + pulled if self._run > 1 else pulled
        if self._framed:
            changed = abs(residual) > FRAMED_CHANGE_PERIODS * self.period_seconds
        else:
            changed = self._run >= MIN_RUN and self._tempo_changed()
        if changed:
            self._forget(self._run + 1)
            self._follow((self._raw[-1] - self._raw[0]) / (self._indices[-1] - self._indices[0]))
            return
        self._widen(abs(pulled))

    def _follow(self, period: float) -> None:
        """Follow a new tempo. One that is hardly new may be another stretch of the same frames."""
        if abs(period - self.period_seconds) > FRAMED_DRIFT * self.period_seconds:
            self._framed = False
        self._prior = period

    def _widen(self, error: float) -> None:
        # mean |x| of a normal distribution is 0.8 σ
        self.sigma_seconds += (error * 1.25 - self.sigma_seconds) / 48
        floor = FRAMED_SIGMA_PERIODS * self.period_seconds if self._framed else MIN_SIGMA_SECONDS
        self.sigma_seconds = max(self.sigma_seconds, floor)

    def _tempo_changed(self) -> bool:
        run = self._run
        if abs(self._run_sum) > RUN_SIGNIFICANCE * self.sigma_seconds * math.sqrt(run):
            return True
        span = min(run, 4)
        recent = (self._raw[-1] - self._raw[-1 - span]) / span
        drift = abs(recent - self.period_seconds)
        return drift > JUMP_RATIO * self.period_seconds and drift * span > JUMP_SIGMAS * self.sigma_seconds

    def _fit(self) -> None:
        """Fit time over index by least squares. With few ticks, the tempo before has weight."""
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


def _intervals(times: list[float]) -> list[float]:
    return [after - before for before, after in pairwise(times)]


def _even_spacing(losses: list[int], stride: int) -> float:
    """Return the mean spacing of the last losses if every stride-th of them comes at regular intervals, else 0."""
    for needed, shortest in ((FRAMED_SPACINGS, 0), (FRAMED_SPACINGS_LONG, LONG_SPACING * stride)):
        last = losses[::-1][::stride][: needed + 1][::-1]
        spacings = [after - before for before, after in pairwise(last)]
        if len(spacings) == needed and min(spacings) >= shortest and max(spacings) - min(spacings) <= 1:
            return (last[-1] - last[0]) / needed / stride
    return 0.0
