"""Which lane becomes which track when other settings are recalled. Pure.

A track keeps its lane, so that it goes on without a gap and without a new channel. Lanes are matched by name and kind first, and then
the player's lanes in order. A track of an earlier snapshot gets its old lane back.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from companion.session.api.settings import TrackSettings
from companion.session.lanes import Lane


@dataclass(frozen=True, slots=True)
class Match:
    """kept: lanes that are there now, with their track. back: removed lanes that come back. new: tracks without a lane.

    leaving: lanes for which there is no track.
    """

    kept: tuple[tuple[Lane, TrackSettings], ...]
    back: tuple[tuple[Lane, TrackSettings], ...]
    new: tuple[TrackSettings, ...]
    leaving: tuple[Lane, ...]


def match(lanes: Iterable[Lane], tracks: Sequence[TrackSettings]) -> Match:
    """Give each track a lane."""
    everyone = list(lanes)
    free = [lane for lane in everyone if not lane.removed]
    kept: list[tuple[Lane, TrackSettings]] = []
    waiting = list(tracks)
    for fits in (_same, _both_human):
        for track in list(waiting):
            lane = next((lane for lane in free if fits(lane, track)), None)
            if lane is not None:
                free.remove(lane)
                waiting.remove(track)
                kept.append((lane, track))
    removed = [lane for lane in everyone if lane.removed]
    back: list[tuple[Lane, TrackSettings]] = []
    for track in list(waiting):
        lane = next((lane for lane in removed if _same(lane, track)), None)
        if lane is not None:
            removed.remove(lane)
            waiting.remove(track)
            back.append((lane, track))
    return Match(tuple(kept), tuple(back), tuple(waiting), tuple(free))


def _same(lane: Lane, track: TrackSettings) -> bool:
    is_human = lane.role == "human"
    return (lane.name, lane.is_drum, is_human) == (track.name, track.is_drum, track.role == "human")


def _both_human(lane: Lane, track: TrackSettings) -> bool:
    return lane.role == "human" and track.role == "human" and lane.is_drum == track.is_drum
