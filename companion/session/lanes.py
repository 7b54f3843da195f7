"""One lane of the session while it runs: its settings, and what can be changed on the way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from companion.session.api.settings import Role, TrackSettings

DRUM_CHANNEL = 9


@dataclass(slots=True)
class Lane:
    """See TrackSettings; `channel` is None only for humans. `entered`: has played since the start."""

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
    removed: bool = False

    @property
    def out_channel(self) -> int:
        """Where it is played."""
        return self.channel if self.channel is not None else (DRUM_CHANNEL if self.is_drum else 0)


def make_lane(index: int, settings: TrackSettings, others: Sequence[Lane | TrackSettings]) -> Lane:
    """A lane from its settings; those that sound get a channel free of `others` where none is chosen, channel 1 last: players use it."""
    channel = settings.channel
    if channel is None and settings.role != "human":
        taken = {other.channel for other in others if other.channel is not None and other.role != "human"}
        free = (number for number in (*range(1, 16), 0) if number not in taken and number != DRUM_CHANNEL)
        channel = DRUM_CHANNEL if settings.is_drum else next(free, 0)
    return Lane(
        index=index,
        name=settings.name,
        role=settings.role,
        program=settings.program,
        is_drum=settings.is_drum,
        channel=channel,
        input_port=settings.input_port,
        output_port=settings.output_port,
        attributes=dict(settings.attributes),
        muted=settings.muted,
        solo=settings.solo,
        song_track=settings.song_track,
    )


def make_lanes(tracks: Sequence[TrackSettings]) -> list[Lane]:
    """All lanes of a session."""
    lanes: list[Lane] = []
    for index, settings in enumerate(tracks):
        lanes.append(make_lane(index, settings, [*tracks, *lanes]))
    return lanes


def audible(lane: Lane, lanes: Sequence[Lane]) -> bool:
    """Whether mute and solo let this lane sound."""
    if lane.muted or lane.removed or lane.role not in ("companion", "backing"):
        return False
    return lane.solo or not any(other.solo and not other.removed and other.role != "human" for other in lanes)
