"""The lanes of a session while it runs: their settings, and what can be changed on the way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from companion.errors import UsageError
from companion.music.units import DRUM_CHANNEL
from companion.session.api.limits import ATTRIBUTE_RANGES, MAX_LANES
from companion.session.api.settings import Role, TrackSettings

_SHARED_FIELDS = tuple(each.name for each in fields(TrackSettings))


@dataclass(slots=True)
class Lane:
    """See TrackSettings; `channel` is None only for humans. Changed by `Lanes` alone."""

    index: int
    name: str
    role: Role
    program: int
    is_drum: bool
    channel: int | None
    input_port: str
    output_port: str
    attributes: dict[str, int] = field(default_factory=dict)
    muted: bool = False
    solo: bool = False
    song_track: int | None = None
    volume: int | None = None
    pan: int | None = None
    removed: bool = False

    def settings(self) -> TrackSettings:
        """The settings with which it could be made again."""
        return TrackSettings(**_of_track(self))

    @property
    def out_channel(self) -> int:
        """Where it is played."""
        return self.channel if self.channel is not None else (DRUM_CHANNEL if self.is_drum else 0)


@dataclass(frozen=True, slots=True)
class Assignment:
    """Who plays a lane: its role, the channel that goes with it, and the written part that it stands for."""

    role: Role
    channel: int | None
    song_track: int | None


def make_lane(index: int, settings: TrackSettings, others: Sequence[Lane | TrackSettings]) -> Lane:
    """A lane from its settings; those that sound get a channel free of `others` where none is chosen, channel 1 last: players use it."""
    channel = settings.channel
    if channel is None and settings.role != "human":
        taken = {other.channel for other in others if other.channel is not None and other.role != "human"}
        free = (number for number in (*range(1, 16), 0) if number not in taken and number != DRUM_CHANNEL)
        channel = DRUM_CHANNEL if settings.is_drum else next(free, 0)
    return Lane(index, **{**_of_track(settings), "channel": channel})


def _of_track(one: Lane | TrackSettings) -> dict[str, Any]:
    """The fields that a lane has in common with its settings."""
    found = {name: getattr(one, name) for name in _SHARED_FIELDS}
    return {**found, "attributes": dict(one.attributes)}


def make_lanes(tracks: Sequence[TrackSettings]) -> list[Lane]:
    """All lanes of a session."""
    lanes: list[Lane] = []
    for index, settings in enumerate(tracks):
        lanes.append(make_lane(index, settings, [*tracks, *lanes]))
    return lanes


class Lanes:
    """All lanes of a session, by their numbers, which never change. Only this class changes a lane.

    version: grows whenever a lane comes, goes or changes its role.
    """

    def __init__(self, tracks: Sequence[TrackSettings]) -> None:
        self._lanes = make_lanes(tracks)
        self.version = 0

    def __getitem__(self, index: int) -> Lane:
        return self._lanes[index]

    def __iter__(self) -> Iterator[Lane]:
        return iter(self._lanes)

    def __len__(self) -> int:
        return len(self._lanes)

    def of(self, *roles: Role) -> Iterator[Lane]:
        """Lanes with one of these roles that still exist."""
        return (lane for lane in self._lanes if lane.role in roles and not lane.removed)

    def find(self, track: int) -> Lane:
        """The lane of a track number; UsageError where there is none."""
        if not 0 <= track < len(self._lanes):
            raise UsageError(f"track must be from 0 to {len(self._lanes) - 1}")
        if self._lanes[track].removed:
            raise UsageError(f"track {track} is gone")
        return self._lanes[track]

    def audible(self, lane: Lane) -> bool:
        """Whether mute and solo let this lane sound."""
        if lane.muted or lane.removed or lane.role not in ("companion", "backing"):
            return False
        return lane.solo or not any(other.solo and not other.removed and other.role != "human" for other in self._lanes)

    def may_sound(self, number: int) -> bool:
        """The same by a lane's number. The click, which belongs to no lane, may always sound."""
        return number < 0 or self.audible(self._lanes[number])

    # -- changes ------------------------------------------------------------------------------------------------------

    def mute(self, lane: Lane, on: bool) -> None:
        """Mute a lane or not."""
        lane.muted = on

    def set_solo(self, lane: Lane, on: bool) -> None:
        """Set a lane's solo."""
        lane.solo = on

    def set_program(self, lane: Lane, program: int) -> None:
        """Choose another instrument, 0-127."""
        lane.program = program

    def set_volume(self, lane: Lane, value: int | None) -> None:
        """Set a lane's volume, 0-127; None leaves it to the synthesizer."""
        lane.volume = value

    def set_pan(self, lane: Lane, value: int | None) -> None:
        """Set a lane's place between left and right, 0-127; None leaves it to the synthesizer."""
        lane.pan = value

    def set_attribute(self, lane: Lane, name: str, level: int | None) -> None:
        """Set a control of the model; None sets it free. One end of a range moves the other where they would contradict each other."""
        rest = {key: value for key, value in lane.attributes.items() if key != name}
        for low, high in ATTRIBUTE_RANGES:
            if name == low and level is not None and rest.get(high, level) < level:
                rest[high] = level
            elif name == high and level is not None and rest.get(low, level) > level:
                rest[low] = level
        lane.attributes = rest if level is None else {**rest, name: level}

    def set_attributes(self, lane: Lane, attributes: Mapping[str, int]) -> None:
        """Set all controls of the model at once."""
        lane.attributes = dict(attributes)

    def set_role(self, lane: Lane, role: Role) -> None:
        """Give a lane another role, with a suitable channel."""
        settings = TrackSettings(lane.name, role, channel=lane.channel, is_drum=lane.is_drum)
        lane.role, lane.channel = role, make_lane(lane.index, settings, self._lanes).channel
        self.version += 1

    def assignment(self, lane: Lane) -> Assignment:
        """Who plays a lane."""
        return Assignment(lane.role, lane.channel, lane.song_track)

    def assign(self, lane: Lane, assigned: Assignment) -> None:
        """Let a lane be played as it was before."""
        lane.role, lane.channel, lane.song_track = assigned.role, assigned.channel, assigned.song_track
        self.version += 1

    def set_song_track(self, lane: Lane, song_track: int | None) -> None:
        """Give a lane another written part."""
        lane.song_track = song_track

    def add(self, settings: TrackSettings) -> Lane:
        """Add a lane. Raises UsageError if there are too many."""
        if sum(not lane.removed for lane in self._lanes) >= MAX_LANES:
            raise UsageError(f"no more than {MAX_LANES} tracks")
        lane = make_lane(len(self._lanes), settings, self._lanes)
        self._lanes.append(lane)
        self.version += 1
        return lane

    def bring_back(self, lane: Lane) -> None:
        """Add a removed lane again, with its number and its settings."""
        lane.removed = False
        self.version += 1

    def remove(self, lane: Lane) -> None:
        """Remove a lane. The others keep their numbers."""
        lane.removed = True
        self.version += 1
