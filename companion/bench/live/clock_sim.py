"""Measures clock following and the session's grid in simulated time: `python -m companion.bench.live.clock_sim`.

Jitter is uniform ±`jitter` with 1 % outliers of up to four times that, as a busy USB or network port gives.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from companion.midi.messages import ClockStart, ClockTick, NoteOn
from companion.session import Session
from companion.session.api.effects import SendMidi
from companion.session.api.events import MidiReceived
from companion.session.api.settings import ClockSettings, SessionSettings, TrackSettings
from companion.session.timing.tick_filter import TickFilter

Tempo = Callable[[float], float]  # beat → BPM


def steady(bpm: float) -> Tempo:
    return lambda beat: bpm


def jump(before: float, after: float, at_beat: float) -> Tempo:
    return lambda beat: before if beat < at_beat else after


def ramp(before: float, after: float, start: float, beats: float) -> Tempo:
    return lambda beat: before + (after - before) * min(1.0, max(0.0, (beat - start) / beats))


def true_ticks(tempo: Tempo, beats: int) -> list[float]:
    """Ideal times of ticks 0 … 24·beats."""
    times = [1.0]
    for tick in range(24 * beats):
        times.append(times[-1] + 60 / (24 * tempo(tick / 24)))
    return times


def arrivals(times: list[float], jitter: float, rng: random.Random, gauss: bool = False) -> Iterator[float]:
    """Jittered, in order."""
    last = 0.0
    for time in times:
        noise = rng.gauss(0, jitter) if gauss else rng.uniform(-jitter, jitter)
        if rng.random() < 0.01:
            noise += rng.uniform(-4 * jitter, 4 * jitter)
        last = max(last, time + noise)
        yield last


@dataclass(frozen=True, slots=True)
class Prediction:
    """Errors in seconds of predicting `ahead` ticks further, by tick."""

    errors: list[float]

    def quantile(self, share: float, start: int = 0, end: int | None = None) -> float:
        """Of the absolute errors between two ticks."""
        ordered = sorted(abs(error) for error in self.errors[start:end])
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def predict(tempo: Tempo, beats: int, jitter: float, seed: int, ahead: int = 24, gauss: bool = False) -> Prediction:
    """Feed a clock and note, at every tick, how wrong the time of the tick `ahead` is predicted."""
    times = true_ticks(tempo, beats)
    follower = TickFilter(60 / (24 * 120))
    errors = []
    for index, arrival in enumerate(arrivals(times, jitter, random.Random(seed), gauss)):
        follower.add(arrival)
        if index + ahead < len(times):
            errors.append(follower.seconds_at(index + ahead) - times[index + ahead])
    return Prediction(errors)


def beats_until_within(tempo: Tempo, at_beat: int, limit: float, jitter: float, seed: int) -> float:
    """Beats after a jump until the prediction one beat ahead stays within `limit` for a beat."""
    errors = predict(tempo, at_beat + 16, jitter, seed).errors
    after = [abs(error) for error in errors[24 * at_beat :]]
    for tick in range(len(after) - 24):
        if max(after[tick : tick + 24]) < limit:
            return tick / 24
    return float("inf")


def grid_errors(tempo: Tempo, beats: int, jitter: float, seed: int) -> list[float]:
    """Seconds between the ideal time (by the true clock) of every beat and the moment a session meant to send its click.

    The session wakes exactly when it asks to. The effect of waking late is measured with real ports.
    """
    times = true_ticks(tempo, beats)
    settings = SessionSettings((TrackSettings("me", "human"),), ClockSettings(click=True))
    session = Session(settings, 0.0)
    session.receive(MidiReceived("clock", ClockStart()), times[0] - 0.01)
    errors: list[float] = []

    def drain(now: float) -> None:
        for effect in session.effects():
            if isinstance(effect, SendMidi) and isinstance(effect.message, NoteOn):
                beat = round(session.clock.position_at(effect.due_seconds))
                if beat < beats:
                    errors.append(max(effect.due_seconds, now) - times[24 * beat])

    for arrival in arrivals(times, jitter, random.Random(seed)):
        while (timer := session.next_timer()) is not None and timer < arrival:
            session.handle_timer(timer)
            drain(timer)
        session.receive(MidiReceived("clock", ClockTick()), arrival)
        drain(arrival)
    return errors


def spread(errors: list[float]) -> str:
    """p99 and standard deviation in words."""
    ordered = sorted(abs(error) for error in errors)
    mean = sum(errors) / len(errors)
    deviation = (sum((error - mean) ** 2 for error in errors) / len(errors)) ** 0.5
    return f"p99 {1000 * ordered[int(0.99 * len(ordered))]:.2f} ms, standard deviation {1000 * deviation:.2f} ms"


def main() -> None:
    for name, tempo in (("steady 120", steady(120)), ("120 → 130 and back", lambda b: 130 if 64 <= b < 128 else 120)):
        errors = [error for seed in range(5) for error in grid_errors(tempo, 200, 0.002, seed)[1:]]
        print(f"notes against the true clock, {name} BPM, ±2 ms: {spread(errors)}")
    for bpm in (10, 60, 120, 200, 400):
        for gauss in (False, True):
            runs = [predict(steady(bpm), 100, 0.002, seed, gauss=gauss) for seed in range(10)]
            p99 = sum(run.quantile(0.99, 24 * 8) for run in runs) / len(runs)
            now = [predict(steady(bpm), 100, 0.002, seed, ahead=0, gauss=gauss) for seed in range(10)]
            p99_now = sum(run.quantile(0.99, 24 * 8) for run in now) / len(now)
            name = "normal, 2 ms" if gauss else "uniform ±2 ms"
            print(f"{bpm} BPM, {name}: p99 one beat ahead {p99 * 1000:.2f} ms, now {p99_now * 1000:.2f} ms")
    for before, after in ((120, 130), (120, 125), (120, 60), (60, 120), (120, 200), (180, 150)):
        waits = sorted(beats_until_within(jump(before, after, 16), 16, 0.01, 0.002, seed) for seed in range(50))
        print(
            f"{before} → {after} BPM: under 10 ms after {waits[25]:.2f} beats (median), {waits[-1]:.2f} (worst of 50)"
        )
    errors = predict(ramp(120, 140, 16, 16), 48, 0.002, 1).quantile(0.99, 24 * 15, 24 * 33)
    print(f"ramp 120 → 140 over 16 beats: p99 {errors * 1000:.2f} ms one beat ahead")
    now_errors = predict(ramp(120, 140, 16, 16), 48, 0.002, 1, ahead=0).quantile(0.99, 24 * 15, 24 * 33)
    print(f"ramp: p99 {now_errors * 1000:.2f} ms at the tick itself")


if __name__ == "__main__":
    main()
