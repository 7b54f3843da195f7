"""Plays rolling live cases through the real session in simulated time, and judges what sounded.

Per chorus: the share of the companion's notes whose pitch class the player sounds in the same bar. The session hides the bar that
the player is about to play, so this share says how well the companion guesses the chord. After the change of key: the bars
until the companion's notes fit. Beside them stand the bar before, a random bar, and the part that was really played.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from companion.evaluation.harmony.reaction import FITS
from companion.evaluation.live.scenario import CHORUSES, NEW_KEY_BARS, LiveCase, Manners, case_of, player_of, session_of
from companion.evaluation.measures.bars import pitch_class_overlap
from companion.evaluation.measures.intervals import Figure, mean, median, ratio
from companion.evaluation.progress import Progress, counted
from companion.evaluation.report import EvaluationOptions
from companion.evaluation.windows import LiveWindow, draw_windows, load_split
from companion.inference.checkpoints.files import load_checkpoint
from companion.inference.engine import InferenceEngine
from companion.midi.messages import NoteOn
from companion.music import Bar, Note
from companion.music.units import RESOLUTION
from companion.runtime.engine.worker import Worker
from companion.runtime.ipc.protocol import Setup
from companion.runtime.players.manner import Manner
from companion.runtime.players.simulate import Simulation
from companion.runtime.recording.recorder import Log
from companion.runtime.recording.records import MessageSent, PerformanceEnded
from companion.session.api.effects import Job

OURS, BEFORE, RANDOM, TRUE = "ours", "copy of the bar before", "random bar", "true bar"
SOURCES = (OURS, BEFORE, RANDOM, TRUE)


def perform_case(case: LiveCase, worker: Worker, checkpoint: str, manners: Manners, seed: int) -> tuple[Log, list[Job]]:
    """One performance in simulated time: its log, and what the engine was asked for.

    The worker's caches are emptied first, so that cases do not depend on each other.
    """
    worker.live.forget()
    setup = Setup(
        session_of(case, checkpoint, "auto", manners, seed),
        title="live",
        bars=case.bar_count,
        manner=Manner(seed=seed),
    )
    simulation = Simulation(setup, worker, player_of(case))
    return simulation.run(), [request.job for request in simulation.requests]


def bars_that_sounded(log: Log, case: LiveCase) -> list[Bar]:
    """The companion's bars by the place in the music at which each note was to sound. Lengths are not kept."""
    lane = len(case.parts)
    meter = case.missing.bars[0].time_signature
    bars: list[list[Note]] = [[] for _ in range(case.bar_count)]
    for sent in log.of_kind(MessageSent):
        if isinstance(sent.message, NoteOn) and sent.source == lane and sent.position_beats is not None:
            bar, beat = divmod(sent.position_beats, float(meter.beats))
            if 0 <= bar < case.bar_count:
                note = Note(round(beat * RESOLUTION), 1, sent.message.key, sent.message.velocity)
                bars[int(bar)].append(note)
    return [Bar(tuple(notes), meter) for notes in bars]


def guided_bars(jobs: Sequence[Job]) -> set[int]:
    """The bars whose last request as a whole carried a chord guide."""
    last = {job.first_bar + job.targets[0][1]: job for job in jobs if job.from_beat == 0}
    return {bar for bar, job in last.items() if job.guide is not None}


class _Shares:
    """Notes shared with the player and all notes, per case, by source and part of the performance."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str], dict[int, list[float]]] = {}

    def add(self, number: int, source: str, part: str, bar: Bar, played: Sequence[Bar]) -> None:
        """Count one bar; rests and bars in which the player rests do not count."""
        share = pitch_class_overlap(bar, played)
        if share is not None:
            self._counts.setdefault((source, part), {}).setdefault(number, []).append(share)

    def figures(self, source: str) -> dict[str, Any]:
        """part → mean share over bars with its interval over cases."""
        return {
            part: _row(ratio([sum(v) for v in cases.values()], [len(v) for v in cases.values()]))
            for (of, part), cases in self._counts.items()
            if of == source
        }


def measure_live(
    cases: Sequence[LiveCase], worker: Worker, checkpoint: str, manners: Manners, seed: int, progress: Progress
) -> dict[str, Any]:
    """The whole measurement, as JSON values.

    shared: source → "chorus 1" … and "new key" → share of pitch classes shared with the player's bar. new_key: bars until the
    companion fits the new key (0 is its first bar). fresh: share of bars that were written in time for their line.
    guided: share of bars that had a chord guide, by chorus.
    """
    shares, rng = _Shares(), np.random.default_rng(seed)
    until: list[float] = []
    fresh: list[tuple[float, float]] = []
    guided: dict[str, list[float]] = {}
    for number, case in enumerate(counted(progress, "live choruses", cases)):
        log, jobs = perform_case(case, worker, checkpoint, manners, seed + number)
        bars, with_guide = bars_that_sounded(log, case), guided_bars(jobs)
        for bar in range(1, case.bar_count):
            part = part_name(case, bar)
            guided.setdefault(part, []).append(float(bar in with_guide))
            other = cases[int(rng.integers(len(cases)))]
            at_random = other.truth(int(rng.integers(other.chorus_bars)))
            for source, ours in (
                (OURS, bars[bar]),
                (BEFORE, case.truth(bar - 1)),
                (RANDOM, at_random),
                (TRUE, case.truth(bar)),
            ):
                shares.add(number, source, part, ours, case.played(bar))
        until.append(float(bars_until_fit(case, bars)))
        ended = next(log.of_kind(PerformanceEnded))
        fresh.append((float(ended.summary.get("bars_fresh", 0)), float(ended.summary.get("bars", 0))))
    return {
        "checkpoint": checkpoint,
        "cases": len(cases),
        "threshold": manners.threshold,
        "rewrite": manners.rewrite,
        "harmony": manners.sampling.harmony,
        "shared": {source: shares.figures(source) for source in SOURCES},
        "new_key": {"mean": _row(mean(until)), "median": _row(median(until)), "bars": until},
        "fresh": _row(ratio([a for a, _ in fresh], [b for _, b in fresh])),
        "guided": {part: float(np.mean(found)) for part, found in guided.items()},
    }


def part_name(case: LiveCase, bar: int) -> str:
    """ "chorus 1" …, or "new key"."""
    return "new key" if bar >= case.change_bar else f"chorus {bar // case.chorus_bars + 1}"


def bars_until_fit(case: LiveCase, bars: Sequence[Bar]) -> int:
    """How many bars of the new key pass until one fits the player's bar; NEW_KEY_BARS if none does. Rests do not fit."""
    for step in range(NEW_KEY_BARS):
        at = case.change_bar + step
        share = pitch_class_overlap(bars[at], [*case.played(at), *(case.played(at - 1) if step else ())])
        if share is not None and share >= FITS:
            return step
    return NEW_KEY_BARS


def draw_cases(windows: Sequence[LiveWindow], count: int, meters: Sequence[Any]) -> list[LiveCase]:
    """Up to `count` cases in meters that the checkpoint reads."""
    found = (case_of(window) for window in windows)
    cases = [case for case in found if case is not None and case.missing.bars[0].time_signature in meters]
    return cases[:count]


def evaluate_live(
    path: Path, options: EvaluationOptions, progress: Progress, manners: Manners | None = None
) -> dict[str, Any]:
    """Draw the cases of a split and measure a checkpoint on them. manners: None stands for a session's defaults."""
    checkpoint = load_checkpoint(path)
    progress.begin("reading music")
    held_out = load_split(options.data, options.split, options.cache, options.files)
    # Some windows are no cases: the meter changes, or a drummer and one other play.
    windows = draw_windows(held_out, 3 * options.performances, options.bars, options.seed)
    cases = draw_cases(windows, options.performances, checkpoint.encoder_config.time_signatures)
    worker = Worker(InferenceEngine.from_checkpoint(path, options.engine), path.stem)
    try:
        report = measure_live(cases, worker, path.stem, manners or Manners(), options.seed, progress)
    finally:
        worker.close()
    return {**report, "split": options.split}


def live_lines(report: dict[str, Any]) -> Iterator[str]:
    """The report for a reader."""
    yield (
        f"{report['checkpoint']} · split {report['split']} · {report['cases']} players, {CHORUSES} choruses and "
        f"{NEW_KEY_BARS} bars a tritone away; in brackets 95 % intervals"
    )
    parts = [f"chorus {number}" for number in range(1, CHORUSES + 1)] + ["new key"]
    yield f"{'pitch classes shared with the player':<38}" + "".join(f"{part:>22}" for part in parts)
    for source in SOURCES:
        row = report["shared"][source]
        yield f"  {source:<36}" + "".join(f"{_plain(row.get(part)):>22}" for part in parts)
    yield f"  {'bars with a chord guide':<36}" + "".join(f"{report['guided'].get(part, 0.0):>22.0%}" for part in parts)
    key = report["new_key"]
    yield f"bars until it fits the new key: median {_plain(key['median'])}, mean {_plain(key['mean'])}"
    yield f"bars written in time {_plain(report['fresh'])}"


def _row(figure: Figure | None) -> dict[str, Any] | None:
    return None if figure is None else figure.to_dict()


def _plain(row: dict[str, Any] | None) -> str:
    return "-" if row is None else f"{row['value']:.2f} ({row['low']:.2f} to {row['high']:.2f})"
