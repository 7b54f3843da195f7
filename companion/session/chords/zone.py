"""Chord zones: keys within them say which chord is meant."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from companion.errors import UsageError
from companion.harmony.key import Key
from companion.harmony.naming import name_chord
from companion.harmony.symbols import ChordSymbol
from companion.midi.messages import NoteOff, NoteOn
from companion.session.api.settings import ChordZone

HeldKey = tuple[str, int, int]  # port, channel, key


def check_zones(zones: Sequence[ChordZone]) -> None:
    """Raises UsageError where two zones claim the same key, or one claims none."""
    for zone in zones:
        if not 0 <= zone.low <= zone.high <= 127:
            raise UsageError(f"chord zone {zone.low}-{zone.high}: expected keys from 0 to 127, the lower first")
    for one, other in combinations(zones, 2):
        same_port = not one.port or not other.port or one.port == other.port
        if same_port and one.low <= other.high and other.low <= one.high:
            raise UsageError(
                f"chord zones {one.low}-{one.high} and {other.low}-{other.high} overlap: a key can belong to one only"
            )


class ZoneKeys:
    """What is held in the zones. chord: what it means now; None while nothing is held, unless the zone is latched."""

    def __init__(self, zones: Sequence[ChordZone]) -> None:
        check_zones(zones)
        self.zones = tuple(zones)
        self.chord: ChordSymbol | None = None
        self._held: dict[HeldKey, ChordZone] = {}

    def change(self, zones: Sequence[ChordZone]) -> None:
        """Other zones. Keys that are down end as they began. Raises UsageError."""
        check_zones(zones)
        self.zones = tuple(zones)
        self.chord = None

    def take(self, port: str, message: NoteOn | NoteOff, key: Key | None) -> tuple[bool, bool]:
        """(whether the message sounds, whether it counts as played); both True for keys outside the zones."""
        where = (port, message.channel, message.key)
        if isinstance(message, NoteOff):
            zone = self._held.pop(where, None)
            if zone is None:
                return True, True
            self._release(zone)
            return zone.sounds, zone.counts
        zone = next((zone for zone in self.zones if _within(zone, port, message.key)), None)
        if zone is None:
            return True, True
        self._held[where] = zone
        self.chord = name_chord([held for _, _, held in self._held], key)
        return zone.sounds, zone.counts

    def port_lost(self, port: str) -> None:
        """Nothing more comes from this port: its keys are up."""
        for where in [where for where in self._held if where[0] == port]:
            self._release(self._held.pop(where))

    def _release(self, zone: ChordZone) -> None:
        if not self._held and not zone.latched:
            self.chord = None


def _within(zone: ChordZone, port: str, key: int) -> bool:
    return zone.low <= key <= zone.high and zone.port in ("", port)
