"""Chord zones: ranges of keys with which the player says which chord is meant."""

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
    """Raise UsageError if two zones claim the same key, or if one claims none."""
    for zone in zones:
        if not 0 <= zone.low <= zone.high <= 127:
            raise UsageError(f"chord zone {zone.low}-{zone.high}: expected keys from 0 to 127, the lower first")
    for one, other in combinations(zones, 2):
        same_port = not one.port or not other.port or one.port == other.port
        if same_port and one.low <= other.high and other.low <= one.high:
            raise UsageError(
                f"chord zones {one.low}-{one.high} and {other.low}-{other.high} overlap: a key can belong to one only"
            )


def read_zone(text: str) -> ChordZone:
    """Read a zone: "36-52" (both keys included) or "52" (all keys below), then any of the words held, sounds and counts.

    held: the chord ends when the keys come up. sounds, counts: see ChordZone. Raises UsageError.
    """
    keys, *words = text.split() or [""]
    low, _, high = keys.partition("-")
    unknown = [word for word in words if word not in ("held", "sounds", "counts")]
    if not low.isdecimal() or not (high or "0").isdecimal() or unknown:
        raise UsageError(
            f"chord zone {text!r}: expected MIDI key numbers such as 52 or 36-52, then held, sounds or counts"
        )
    first, last = (int(low), int(high)) if high else (0, int(low) - 1)
    return ChordZone(first, last, "", "held" not in words, "sounds" in words, "counts" in words)


def write_zone(zone: ChordZone) -> str:
    """The inverse of `read_zone`."""
    words = [(not zone.latched, "held"), (zone.sounds, "sounds"), (zone.counts, "counts")]
    return " ".join((f"{zone.low}-{zone.high}", *(word for on, word in words if on)))


class ZoneKeys:
    """The keys held in the zones. chord: the chord that they mean, None while nothing is held unless the zone is latched."""

    def __init__(self, zones: Sequence[ChordZone]) -> None:
        check_zones(zones)
        self.zones = tuple(zones)
        self.chord: ChordSymbol | None = None
        self._held: dict[HeldKey, ChordZone] = {}

    def change(self, zones: Sequence[ChordZone]) -> None:
        """Change the zones. Keys that are down keep their old zone until they come up. Raises UsageError."""
        check_zones(zones)
        self.zones = tuple(zones)
        self.chord = None

    def take(self, port: str, message: NoteOn | NoteOff, key: Key | None) -> tuple[bool, bool]:
        """Return (whether the message sounds, whether it counts as played). Both are True for keys outside the zones."""
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
        """Release all keys of this port, because nothing more comes from it."""
        for where in [where for where in self._held if where[0] == port]:
            self._release(self._held.pop(where))

    def _release(self, zone: ChordZone) -> None:
        if not self._held and not zone.latched:
            self.chord = None


def _within(zone: ChordZone, port: str, key: int) -> bool:
    return zone.low <= key <= zone.high and zone.port in ("", port)
