"""From a job to its prompts: the parts in which it is served, the order of the tracks, and the chord guide's place.

This module is pure. It knows windows and requests, but no model.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Literal

from companion.inference.live.job import LiveJob
from companion.inference.prompts.guide import NO_ATTRIBUTES, with_guide
from companion.inference.prompts.prompt import WindowRequest
from companion.inference.requests.planner import Cell
from companion.inference.steering.chords import BASS_PROGRAMS
from companion.music.score import Track
from companion.tokenizer import attributes as attribute_levels
from companion.tokenizer.attributes import for_bars

CACHE_SETS = 2

Together = Literal["alone", "stages", "all"]
# How the parts of a bar are written. alone: one after the other, each hearing the earlier ones. stages: bass and drums in one
# batch, then the others in a second batch, which hear them. all: in one batch, in which no part hears another's new bar.


@dataclass(frozen=True, slots=True)
class Part:
    """The job of one track. number: the part's number within the job, which selects its random numbers."""

    job: LiveJob
    number: int

    @property
    def slot(self) -> int:
        """Its warm cache: its track's, in the job's set. A request for some of the tracks finds the same ones."""
        return CACHE_SETS * self.job.targets[0][0] + self.job.cache_set


def window_start(target: int, model_dim: int, previous: int | None = None, future_bars: int = 0, hop: int = 1) -> int:
    """First bar of the window for a target bar of the performance.

    The window ends future_bars after the target. With hop > 1 the previous start is kept until the target has moved hop − 1
    bars further. Just after a move, the window then shows hop − 1 bars less of the past.
    """
    latest = max(target + 1 + future_bars - model_dim, 0)
    if previous is not None and previous >= latest and previous <= latest + hop - 1:
        return previous
    return latest + hop - 1 if latest else 0


def single_tracks(job: LiveJob) -> list[LiveJob]:
    """One job for each track with targets, in the window's order, each hearing those before it; see `stages`."""
    return [part.job for stage in stages(job, "alone") for part in stage]


def stages(job: LiveJob, together: Together) -> list[list[Part]]:
    """The job as one part for each track with targets. The parts of a stage are written in one batch.

    Targets of a part's own stage and of later stages are hidden from it; those of earlier stages are fresh. A job that asks for
    several takes is one part with all its targets, unless the takes are ranked. Then each part's takes are ranked before the
    next part is written.
    """
    tracks = sorted({track for track, _ in job.targets})
    if len(tracks) < 2 or (job.takes > 1 and not job.ranked):
        return [[Part(job, 0)]]
    if job.ranked:
        together = "alone"
    earlier: set[int] = set()
    found: list[list[Part]] = []
    for group in _groups(job, tracks, together):
        found.append([Part(_one_track(job, track, earlier), tracks.index(track)) for track in group])
        earlier.update(group)
    return found


def _groups(job: LiveJob, tracks: list[int], together: Together) -> list[list[int]]:
    if together == "all":
        return [tracks]
    if together == "alone":
        return [[track] for track in tracks]
    ground = [track for track in tracks if _is_ground(job.window.tracks[track])]
    others = [track for track in tracks if track not in ground]
    return [group for group in (ground, others) if group]


def _is_ground(track: Track) -> bool:
    """Whether the track is a bass or drums, to which the rest of a band listens."""
    return track.is_drum or track.program in BASS_PROGRAMS


def _one_track(job: LiveJob, track: int, earlier: Collection[int]) -> LiveJob:
    """The job of one track's targets after those of the earlier tracks."""
    return replace(
        job,
        targets=tuple(cell for cell in job.targets if cell[0] == track),
        hidden=job.hidden | {cell for cell in job.targets if cell[0] != track and cell[0] not in earlier},
        fresh=job.fresh | {cell for cell in job.targets if cell[0] in earlier},
    )


def without_chord_tracks(job: LiveJob) -> list[int]:
    """The window's tracks without those that only show the chords; all tracks if no guide replaces these."""
    leaving = job.chord_tracks if job.guide is not None else frozenset()
    return [track for track in range(len(job.window.tracks)) if track not in leaving]


def track_order(job: LiveJob) -> list[int]:
    """Window tracks in prompt order: unchanging tracks, then growing ones (latest growing bar first), then those with targets."""
    targets = {track for track, _ in job.targets}
    growing = {track: min(bar for t, bar in job.growing if t == track) for track, _ in job.growing}

    def rank(track: int) -> tuple[int, int, int]:
        if track in targets:
            return 2, 0, track
        return (1, -growing[track], track) if track in growing else (0, 0, track)

    return sorted(without_chord_tracks(job), key=rank)


def live_request(job: LiveJob, order: list[int], mode: str) -> WindowRequest:
    """The request of a job with one prompt, with its tracks in this order (see `track_order`; tracks may be left out).

    If the job has a guide, it follows as the last track.
    """
    local = {track: index for index, track in enumerate(order)}

    def mapped(cells: frozenset[Cell] | tuple[Cell, ...]) -> frozenset[Cell]:
        return frozenset((local[track], bar) for track, bar in cells if track in local)

    asked = {local[track]: levels for track, levels in job.attributes.items() if track in local}
    shown = dict(asked)
    window = job.window.select_tracks(order)
    if job.guide is not None:
        window = with_guide(window, {job.targets[0][1]: job.guide})
        shown[len(order)] = NO_ATTRIBUTES
    return WindowRequest(
        window=window,
        targets=tuple(sorted(mapped(job.targets))),
        hidden=mapped(job.hidden),
        mask_mode=mode,
        attributes=shown,
        asked=asked,
        style=job.style,
        uncounted=mapped(job.growing | job.fresh),
        late=mapped(job.growing | job.fresh) - mapped(job.targets),
    )


def voice_limit(job: LiveJob) -> int:
    """Notes that may start together; 0 = no limit.

    A max_polyphony that the player set is a hard limit (level n is n + 1 voices; the top level is any number). A bass that was
    told to play one note at a time must do so, and small models only tend towards the level in their prompt.
    """
    limits = [job.polyphony_hard_limit] if job.polyphony_hard_limit else []
    tracks = {track for track, _ in job.targets}
    wanted = [for_bars(job.attributes.get(track) or {}).get("max_polyphony") for track in tracks]
    levels = [level for level in wanted if level is not None]
    top = attribute_levels.levels("max_polyphony") - 1
    if len(levels) == len(tracks) and max(levels) < top:
        limits.append(max(levels) + 1)
    return min(limits, default=0)
