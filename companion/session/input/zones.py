"""Zones of a keyboard: ranges of keys, velocities or channels that play a part of the player's own, or that are only controls.

A zone is found for a note when its key goes down. The note-off belongs to that note, whatever the zones are by then: the captured note
and the note that passes through are known by their port, channel and key. A part that a zone plays gets nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from companion.errors import UsageError
from companion.midi.messages import ChannelMessage, NoteOff, NoteOn, Pressure, ProgramChange
from companion.session.api.control_commands import RemoveZone, SetZone
from companion.session.api.settings import ChordZone, Zone
from companion.session.commands.undoable import FindUndoable, dial
from companion.session.extension import Handler
from companion.session.input.zone_faults import check_key_zones
from companion.session.lanes import Lane, Lanes

SoundedKey = tuple[str, int, int]  # port, channel, key


def transposed(zone: Zone, key: int) -> int:
    """The pitch of a key in its zone; octaves are added or taken off where it would leave MIDI's range."""
    pitch = key + zone.transpose
    while pitch < 0:
        pitch += 12
    while pitch > 127:
        pitch -= 12
    return pitch


class Zones:
    """The zones that are set. chord_zones: the chord zones beside them. version: grows whenever the zones change."""

    def __init__(self, zones: Sequence[Zone], lanes: Lanes, chord_zones: Callable[[], Sequence[ChordZone]]) -> None:
        check_key_zones(zones, chord_zones())
        self._lanes, self._chord_zones = lanes, chord_zones
        self._silent: set[SoundedKey] = set()  # keys of control zones that are down
        self.zones = tuple(zones)
        self.version = 0

    @property
    def fed(self) -> frozenset[int]:
        """The lanes that zones play."""
        return frozenset(zone.track for zone in self.zones if zone.track is not None)

    def lane_of(self, zone: Zone) -> Lane | None:
        """The part that a zone plays, None where it plays the part that the player has without it."""
        if zone.track is None or zone.track >= len(self._lanes):
            return None
        lane = self._lanes[zone.track]
        return None if lane.removed or lane.role != "human" else lane

    # -- what is played -----------------------------------------------------------------------------------------------

    def find(self, port: str, message: NoteOn) -> Zone | None:
        """The zone of a key that goes down."""
        return next((zone for zone in self.zones if _holds(zone, port, message)), None)

    def silences(self, port: str, message: NoteOn | NoteOff) -> bool:
        """Whether this is a note of a control zone: it neither sounds nor counts as played."""
        where = (port, message.channel, message.key)
        if isinstance(message, NoteOff):
            was_silent = where in self._silent
            self._silent.discard(where)
            return was_silent
        zone = self.find(port, message)
        if zone is not None and zone.controls:
            self._silent.add(where)
            return True
        self._silent.discard(where)
        return False

    def port_lost(self, port: str) -> None:
        """The port was lost: no note-offs will come from it."""
        self._silent = {where for where in self._silent if where[0] != port}

    def elsewhere(self, port: str, message: ChannelMessage) -> Iterator[tuple[Zone, Lane, ChannelMessage]]:
        """A pedal, wheel or pressure for the parts of this port and channel that zones play on channels of their own."""
        if isinstance(message, (NoteOn, NoteOff, ProgramChange)):
            return
        for zone in self.zones:
            lane = self.lane_of(zone)
            if lane is None or not _hears(zone, port, message.channel):
                continue
            moved = replace(message, channel=lane.out_channel)
            if isinstance(moved, Pressure) and moved.key is not None:
                if not zone.low <= moved.key <= zone.high:
                    continue
                moved = replace(moved, key=transposed(zone, moved.key))
            yield zone, lane, moved

    # -- the player's wishes ------------------------------------------------------------------------------------------

    def handlers(self) -> Mapping[type, Handler]:
        """Which method does which command."""
        return {SetZone: self._set, RemoveZone: self._remove}

    def undoables(self) -> Mapping[type, FindUndoable]:
        """What the commands change."""
        zones = dial(
            "zones",
            lambda: self.zones,
            lambda zones, now: self.change(zones),
            lambda zones: f"zones: {', '.join(zone.name for zone in zones) or 'none'}",
        )
        return {SetZone: lambda wish: zones, RemoveZone: lambda wish: zones}

    def change(self, zones: Sequence[Zone]) -> None:
        """Change the zones; keys that are down end where they began. Raises UsageError."""
        check_key_zones(zones, self._chord_zones())
        self.zones = tuple(zones)
        self.version += 1

    def _set(self, wish: SetZone, now: float) -> None:
        zone = wish.zone
        if zone.track is not None and self._lanes.find(zone.track).role != "human":
            raise UsageError(f"{self._lanes[zone.track].name} is no part of yours")
        kept = [other for other in self.zones if other.name != zone.name]
        self.change((*kept, zone))

    def _remove(self, wish: RemoveZone, now: float) -> None:
        kept = tuple(zone for zone in self.zones if zone.name != wish.name)
        if len(kept) == len(self.zones):
            names = ", ".join(zone.name for zone in self.zones) or "none"
            raise UsageError(f"no zone is named {wish.name} (there are: {names})")
        self.change(kept)


def _hears(zone: Zone, port: str, channel: int) -> bool:
    return zone.port.lower() in port.lower() and zone.channel in (None, channel)


def _holds(zone: Zone, port: str, message: NoteOn) -> bool:
    return (
        zone.low <= message.key <= zone.high
        and zone.velocity_low <= message.velocity <= zone.velocity_high
        and _hears(zone, port, message.channel)
    )
