"""Shows a change at once: snapshots are corrected by recent commands until the performance has had time to answer.

Every command shown this way sets an absolute value, so applying it twice changes nothing.
Pure; time is passed in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from companion.session.api.commands import Command
from companion.session.api.settings import Sampling, Zone
from companion.session.api.snapshot import LaneView, Snapshot

HOLD_SECONDS = 0.4


@dataclass(slots=True)
class Overlay:
    """Recent commands, with the time until which they are shown as done."""

    _held: list[tuple[float, Command]] = field(default_factory=list)

    def add(self, wish: Command, now: float) -> None:
        """Show this command's effect for a moment."""
        if wish.command_name in _EFFECTS:
            self._held.append((now + HOLD_SECONDS, wish))

    def apply(self, snapshot: Snapshot, now: float) -> Snapshot:
        """The snapshot as if the recent commands were done."""
        self._held = [(until, wish) for until, wish in self._held if until > now]
        for _, wish in self._held:
            snapshot = _EFFECTS[wish.command_name](snapshot, asdict(wish))
        return snapshot


def _on_lane(snapshot: Snapshot, track: int, change: Callable[[LaneView], LaneView]) -> Snapshot:
    lanes = tuple(change(lane) if lane.index == track else lane for lane in snapshot.lanes)
    return replace(snapshot, lanes=lanes)


def _lane_field(name: str, argument: str) -> Callable[[Snapshot, dict[str, Any]], Snapshot]:
    return lambda snapshot, given: _on_lane(
        snapshot, given["track"], lambda lane: replace(lane, **{name: given[argument]})
    )


def _snapshot_field(name: str, argument: str) -> Callable[[Snapshot, dict[str, Any]], Snapshot]:
    return lambda snapshot, given: replace(snapshot, **{name: given[argument]})


def _attribute(snapshot: Snapshot, given: dict[str, Any]) -> Snapshot:
    def change(lane: LaneView) -> LaneView:
        rest = {name: level for name, level in lane.attributes.items() if name != given["name"]}
        return replace(lane, attributes=rest if given["level"] is None else {**rest, given["name"]: given["level"]})

    return _on_lane(snapshot, given["track"], change)


def _sampling(snapshot: Snapshot, given: Mapping[str, Any]) -> Snapshot:
    known = {item.name for item in fields(Sampling)}
    sampling = replace(
        snapshot.model.sampling, **{name: value for name, value in given.items() if name in known and value is not None}
    )
    return replace(snapshot, model=replace(snapshot.model, sampling=sampling))


def _tempo(snapshot: Snapshot, given: dict[str, Any]) -> Snapshot:
    if snapshot.transport.source != "internal" and snapshot.transport.state == "running":
        return snapshot  # the master decides
    return replace(snapshot, transport=replace(snapshot.transport, bpm=given["bpm"]))


def _practice_field(name: str, argument: str) -> Callable[[Snapshot, dict[str, Any]], Snapshot]:
    return lambda snapshot, given: (
        snapshot
        if snapshot.practice is None
        else replace(snapshot, practice=replace(snapshot.practice, **{name: given[argument]}))
    )


def _zone_set(snapshot: Snapshot, given: dict[str, Any]) -> Snapshot:
    others = _zone_removed(snapshot, given)
    return replace(others, zones=(*others.zones, Zone(**given)))


def _zone_removed(snapshot: Snapshot, given: dict[str, Any]) -> Snapshot:
    return replace(snapshot, zones=tuple(zone for zone in snapshot.zones if zone.name != given["name"]))


_EFFECTS: dict[str, Callable[[Snapshot, dict[str, Any]], Snapshot]] = {
    "mute": _lane_field("muted", "on"),
    "solo": _lane_field("solo", "on"),
    "set_role": _lane_field("role", "role"),
    "set_volume": _lane_field("volume", "value"),
    "set_pan": _lane_field("pan", "value"),
    "set_attribute": _attribute,
    "follow_dynamics": _snapshot_field("follow_dynamics", "depth"),
    "follow_density": _snapshot_field("follow_density", "depth"),
    "stay_out_of_register": _snapshot_field("stay_out_of_register", "depth"),
    "set_intensity": _snapshot_field("intensity", "value"),
    "set_sampling": _sampling,
    "set_tempo": _tempo,
    "set_tempo_factor": _practice_field("tempo_factor", "factor"),
    "transpose": _practice_field("transpose", "semitones"),
    "wait": _snapshot_field("wait_bars", "bars"),
    "click": _snapshot_field("click", "on"),
    "thru": _snapshot_field("thru", "on"),
    "record": _snapshot_field("recording", "on"),
    "trade": _snapshot_field("trade_bars", "bars"),
    "answer": _snapshot_field("answer", "on"),
    "set_zone": _zone_set,
    "remove_zone": _zone_removed,
}
