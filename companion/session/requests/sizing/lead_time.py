"""Measures how long requests take. From that follow how early a bar is asked for and how large a request the tempo allows.

The rule tries the wanted window with every lane, then smaller windows, then fewer lanes per request (lanes take turns). It stops at
the first size whose measured p99 fits into 0.9 of a bar. It grows back only when the larger request would fit into 0.7, so that it
does not oscillate.
Some requests take longer than any lead within a bar could allow for; their bars are lost whatever the lead. A few of them are
ignored: otherwise, after one short stop of the machine, every bar of the next minutes would be asked for early.
This module knows seconds and sizes, and no clock.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

FIT, GROW = 0.9, 0.7  # shares of a bar: a request may take the first; a larger request must fit into the second
SAMPLES_KEPT = 100
# While nothing is measured, the engine's estimate is multiplied by this: real music may be twice as dense as the estimate's.
UNMEASURED = 2.0
# Fewer samples than this say little about the p99: up to this share is added to the longest of them.
FEW_SAMPLES, FEW_MARGIN = 12, 0.5
# From this many samples on, ignore one sample that is over twice the next.
HICCUP_SAMPLES, HICCUP = 12, 2.0
HOPELESS_SHARE = 0.1  # share of the samples that may be longer than any lead and is then ignored
RECENT_SAMPLES = 16
PRIOR_SAMPLES = 4  # after this many measured requests the engine's estimate is no longer used
FIRST_GUESS_SECONDS = 0.3  # a bar of one lane with a window of 8, before anything is known
LANE_SHARE = 0.7  # each further lane adds this share of a one-lane request's time
TAKE_SHARE = 0.4  # each further take of a part's bar adds this share: takes are one batch (docs/takes.md)


def quantile(values: Iterable[float], share: float) -> float:
    """The value below which `share` of the values lie (nearest rank); 0 of nothing."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def worst(samples: Iterable[float], longest: float = math.inf) -> float:
    """The p99 of the samples, without one lone hiccup and without a few samples longer than `longest` (seconds)."""
    ordered = sorted(samples)
    if len(ordered) >= HICCUP_SAMPLES:
        hopeless = sum(seconds > longest for seconds in ordered)
        if 0 < hopeless <= max(1, HOPELESS_SHARE * len(ordered)):
            del ordered[-hopeless:]
        elif ordered[-1] > HICCUP * ordered[-2]:
            ordered.pop()
    return quantile(ordered, 0.99)


@dataclass(frozen=True, slots=True)
class Size:
    """How large a request is: bars of the window, lanes generated together, takes of each lane.

    advice: one line for the player, or "".
    """

    model_dim: int
    lanes: int
    advice: str = ""
    takes: int = 1


_Key = tuple[int, int, int]  # model_dim, lanes, takes


class Deadlines:
    """Measured generation times by (model_dim, lanes, takes)."""

    def __init__(self, margin: float, floor_seconds: float) -> None:
        self.margin = margin
        self.floor_seconds = floor_seconds
        self._samples: dict[_Key, deque[float]] = {}
        self._recent: deque[float] = deque(maxlen=SAMPLES_KEPT)
        self._first_notes: deque[float] = deque(maxlen=SAMPLES_KEPT)
        self._latest: deque[tuple[_Key, float]] = deque(maxlen=RECENT_SAMPLES)  # with seconds
        self._warm: dict[int, float] = {}
        self._round_trip = 0.0
        self._estimates: dict[_Key, float] = {}
        self._longest = math.inf  # seconds of a request that a lead within a bar allows for

    def engine_ready(self, warm_seconds: Sequence[tuple[int, float]], round_trip_seconds: float = 0.0) -> None:
        """A new checkpoint: forget what the last one took. round_trip_seconds: to the machine where it runs, and back."""
        self._warm, self._round_trip = dict(warm_seconds), round_trip_seconds
        self._samples.clear()
        self._latest.clear()
        self._estimates.clear()

    def expect(self, size: Size, lead_seconds: float) -> None:
        """What was measured long ago no longer holds: reckon with this lead until enough is measured again."""
        self._samples.clear()
        self._estimates.clear()
        expected = [lead_seconds / self.margin] * FEW_SAMPLES
        self._samples[size.model_dim, size.lanes, size.takes] = deque(expected, maxlen=SAMPLES_KEPT)

    @property
    def is_measured(self) -> bool:
        """Whether enough requests of some size have been measured to reckon with."""
        return any(len(samples) >= PRIOR_SAMPLES for samples in self._samples.values())

    def knows(self, model_dim: int, lanes: int) -> bool:
        """Whether requests of this size have been measured, with any number of takes."""
        return any(
            key[:2] == (model_dim, lanes) and len(samples) >= PRIOR_SAMPLES for key, samples in self._samples.items()
        )

    def record(
        self, model_dim: int, lanes: int, seconds: float, first_note_seconds: float | None = None, takes: int = 1
    ) -> None:
        """A request took this long from its effect to its last event."""
        key = model_dim, lanes, takes
        self._samples.setdefault(key, deque(maxlen=SAMPLES_KEPT)).append(seconds)
        self._recent.append(seconds)
        self._latest.append((key, seconds))
        if first_note_seconds is not None:
            self._first_notes.append(first_note_seconds)
        self._estimates.clear()

    def estimate(self, model_dim: int, lanes: int, takes: int = 1) -> float:
        """p99 seconds of a request of this size."""
        key = (model_dim, lanes, takes)
        if key not in self._estimates:
            self._estimates[key] = self._estimate(key)
        return self._estimates[key]

    def recent_lead(self, size: Size) -> float:
        """As `lead`, by the last few requests alone, whatever their size; 0 where there are none."""
        scaled = (seconds * _ratio((size.model_dim, size.lanes, size.takes), key) for key, seconds in self._latest)
        longest = max(scaled, default=0.0)
        return max(self.floor_seconds, longest * self.margin) if longest else 0.0

    def lead(self, size: Size) -> float:
        """Seconds before the bar line at which to ask."""
        return max(self.floor_seconds, self.estimate(size.model_dim, size.lanes, size.takes) * self.margin)

    def choose(self, dims: Sequence[int], lanes: int, bar_seconds: float, current: Size | None) -> Size:
        """The largest request that fits. dims: allowed windows, the wanted one first, descending."""
        longest = FIT * bar_seconds / self.margin
        if longest != self._longest:
            self._longest = longest
            self._estimates.clear()
        wanted = Size(dims[0], lanes)
        sizes = [*(Size(dim, lanes) for dim in dims), *(Size(dims[-1], fewer) for fewer in range(lanes - 1, 0, -1))]
        reached = False
        for size in sizes:
            same = current is not None and (size.model_dim, size.lanes) == (
                current.model_dim,
                min(current.lanes, lanes),
            )
            reached = reached or same
            limit = FIT if current is None or reached else GROW
            if self.lead(size) <= limit * bar_seconds:
                return size if size == wanted else Size(size.model_dim, size.lanes, _advice(size, wanted))
        return Size(
            dims[-1], 1, "generation takes longer than a bar: a slower tempo or a smaller checkpoint would help"
        )

    def percentiles(self) -> tuple[float, float, float, float]:
        """(p50, p99, p50 of the first note, last) of the recent requests, in seconds."""
        last = self._recent[-1] if self._recent else 0.0
        return quantile(self._recent, 0.5), quantile(self._recent, 0.99), quantile(self._first_notes, 0.5), last

    def _estimate(self, key: _Key) -> float:
        samples = self._samples.get(key, ())
        if len(samples) >= PRIOR_SAMPLES:
            missing = max(0, FEW_SAMPLES - len(samples)) / FEW_SAMPLES
            return worst(samples, self._longest) * (1 + FEW_MARGIN * missing)
        return max([self._prior(key), *samples])

    def _prior(self, key: _Key) -> float:
        """From the nearest size measured, else from the engine's own measure of one bar of one lane."""
        measured = [known for known, samples in self._samples.items() if len(samples) >= PRIOR_SAMPLES]
        if measured:
            near = min(measured, key=lambda known: tuple(abs(a - b) for a, b in zip(known, key, strict=True)))
            return worst(self._samples[near], self._longest) * _ratio(key, near)
        if self._warm:
            near_dim = min(self._warm, key=lambda dim: abs(dim - key[0]))
            return UNMEASURED * self._warm[near_dim] * _ratio(key, (near_dim, 1, 1)) + self._round_trip
        return FIRST_GUESS_SECONDS * _ratio(key, (8, 1, 1))


def _ratio(size: _Key, known: _Key) -> float:
    """How many times as long a request of one size is expected to take as one of another."""

    def factor(key: _Key) -> float:
        model_dim, lanes, takes = key
        return model_dim**0.5 * (1 + LANE_SHARE * (max(lanes, 1) - 1)) * (1 + TAKE_SHARE * (max(takes, 1) - 1))

    return factor(size) / factor(known)


def _advice(size: Size, wanted: Size) -> str:
    if size.lanes < wanted.lanes:
        return f"window cut to {size.model_dim} bars and {size.lanes} of {wanted.lanes} tracks a bar, to be in time"
    return f"window cut from {wanted.model_dim} to {size.model_dim} bars, to be in time"
