"""The task in one window: the cells that the model writes, and the cells that it must not see.

All randomness comes from the generator passed in. If there is a guide, it is the window's last track. It is never a target and
never hidden.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from numpy.random import Generator

from companion.music import Bar, Score
from companion.training.config import SampleSettings

Cell = tuple[int, int]  # (track, bar) within a window
KINDS = ("live", "infill", "plain")
# Shares of live examples with one, two and three tracks to write. Live play asks for one at a time.
_TARGET_TRACKS = (0.85, 0.1, 0.05)
# Shares of practising examples in which the written track's later bars are unknown, or empty (otherwise they are given); in which
# the others are unknown from the target on; in which the track has been silent so far; and in which the last track is written.
_LATER_UNKNOWN, _LATER_EMPTY = 0.6, 0.25
_OTHERS_UNKNOWN = 0.45
_SILENT_BEFORE = 0.3
_WRITES_LAST = 0.9
_TWO_BARS = 0.3
_NEW_CHORD_WEIGHT = 3.0  # factor for drawing a bar whose chord differs from the bar before
# A track that has played nothing yet has no measured attributes at inference, unless the player sets them.
_UNATTRIBUTED_EARLY, _UNATTRIBUTED = 0.5, 0.05


@dataclass(slots=True)
class Task:
    """The model's task in one window."""

    kind: str
    targets: set[Cell]
    hidden: set[Cell]
    emptied: set[Cell]
    whole_window: bool = True  # the attributes of target tracks count all their bars
    unattributed: frozenset[int] = frozenset()


def draw_task(rng: Generator, kind: str, window: Score, settings: SampleSettings, guide: int | None) -> Task:
    """Draw a task of this kind. guide: the index of the chord guide's track, which is the last one, or None."""
    if guide is not None and kind == "live" and rng.random() < settings.practising:
        return practising_task(rng, window, settings, guide)
    parts = window if guide is None else window.select_tracks(list(range(guide)))
    task = {"live": live_task, "infill": infill_task, "plain": plain_task}[kind](rng, parts, settings)
    if guide is not None:
        task.unattributed |= {guide}
    return task


def live_task(rng: Generator, window: Score, settings: SampleSettings) -> Task:
    """Write the last one or two bars of some tracks. The others' bars from there on are usually hidden."""
    tracks, bars = len(window.tracks), window.bar_count
    count = min(int(rng.choice(3, p=_TARGET_TRACKS)) + 1, max(1, tracks - 1))
    last = rng.random() < settings.targets_last
    own = set(range(tracks - count, tracks)) if last else {int(track) for track in rng.permutation(tracks)[:count]}
    first = bars - int(rng.integers(1, 3))
    targets = {(track, bar) for track in own for bar in range(first, bars)}
    hidden: set[Cell] = set()
    if rng.random() < settings.hide_share:
        known = first - int(rng.random() < 0.25)  # sometimes the bar being played also arrives too late
        hidden = {(track, bar) for track in range(tracks) if track not in own for bar in range(known, bars)}
    emptied: set[Cell] = set()
    if rng.random() < settings.empty_past:
        silent = own if rng.random() < 0.5 else set(range(tracks))
        until = first if rng.random() < 0.5 else int(rng.integers(1, first + 1))
        emptied = {(track, bar) for track in silent for bar in range(until)}
    task = Task("live", targets, hidden, emptied, whole_window=rng.random() >= settings.target_attributes)
    task.unattributed = _unattributed(rng, window, sorted(own), first, emptied)
    return task


def infill_task(rng: Generator, window: Score, settings: SampleSettings) -> Task:
    """Every cell is a target with a probability drawn from U(0, 0.5), as in the training of MIDI-GPT."""
    cells = [(track, bar) for track in range(len(window.tracks)) for bar in range(window.bar_count)]
    chance = rng.uniform(0, 0.5)
    targets = {cell for cell in cells if rng.random() < chance} or {cells[rng.integers(len(cells))]}
    hidden: set[Cell] = set()
    if rng.random() < settings.hide_infill:
        share = rng.uniform(0.01, 0.25)
        hidden = {cell for cell in cells if cell not in targets and rng.random() < share}
    return Task("infill", targets, hidden, set())


def plain_task(rng: Generator, window: Score, settings: SampleSettings) -> Task:
    """The whole window, sometimes with all tracks except the last hidden towards its end."""
    hidden: set[Cell] = set()
    if rng.random() < settings.hide_infill:
        first = int(rng.integers(1, window.bar_count))
        hidden = {(track, bar) for track in range(len(window.tracks) - 1) for bar in range(first, window.bar_count)}
    return Task("plain", set(), hidden, set())


def practising_task(rng: Generator, window: Score, settings: SampleSettings, guide: int) -> Task:
    """One or two bars of one part inside the window, as in practice over a chart. Its own later bars are mostly unknown."""
    bars = window.bar_count
    own = guide - 1 if rng.random() < _WRITES_LAST else int(rng.integers(guide))
    first = _draw_target_bar(rng, window.tracks[guide].bars)
    end = min(bars, first + 1 + int(rng.random() < _TWO_BARS))
    targets = {(own, bar) for bar in range(first, end)}
    later = {(own, bar) for bar in range(end, bars)}
    hidden: set[Cell] = set()
    emptied: set[Cell] = set()
    chance = rng.random()
    if chance < _LATER_UNKNOWN:
        hidden |= later
    elif chance < _LATER_UNKNOWN + _LATER_EMPTY:
        emptied |= later
    if rng.random() < _OTHERS_UNKNOWN:
        hidden |= {(track, bar) for track in range(guide) if track != own for bar in range(first, bars)}
    if rng.random() < _SILENT_BEFORE:
        until = first if rng.random() < 0.6 else int(rng.integers(1, first + 1))
        emptied |= {(own, bar) for bar in range(until)}
    task = Task("live", targets, hidden, emptied, whole_window=rng.random() >= settings.target_attributes)
    task.unattributed = _unattributed(rng, window, [own], first, emptied) | {guide}
    return task


def _draw_target_bar(rng: Generator, guide: tuple[Bar, ...]) -> int:
    """Draw a bar of the second half. Bars whose chord differs from the bar before are preferred, because copying is wrong there."""
    half = max(1, len(guide) // 2)
    classes = [{note.pitch % 12 for note in bar.notes} for bar in guide]
    weights = [
        _NEW_CHORD_WEIGHT if classes[bar] != classes[bar - 1] else 1.0 for bar in range(half, max(half + 1, len(guide)))
    ]
    total = sum(weights)
    return half + int(rng.choice(len(weights), p=[weight / total for weight in weights]))


def _unattributed(
    rng: Generator, window: Score, own: list[int], first: int, emptied: AbstractSet[Cell]
) -> frozenset[int]:
    early = {
        track
        for track in own
        if not any(window.tracks[track].bars[bar].notes for bar in range(first) if (track, bar) not in emptied)
    }
    return frozenset(
        track for track in own if rng.random() < (_UNATTRIBUTED_EARLY if track in early else _UNATTRIBUTED)
    )


def only_repeats(window: Score, task: Task) -> bool:
    """Whether every target has the same onsets and pitches as its track's bar before, so that copying would be right."""

    def shape(track: int, bar: int) -> set[tuple[int, int]]:
        return {(note.onset_ticks, note.pitch) for note in window.tracks[track].bars[bar].notes}

    targets = [(track, bar) for track, bar in task.targets if bar > 0]
    return bool(targets) and all(shape(track, bar) == shape(track, bar - 1) for track, bar in targets)
