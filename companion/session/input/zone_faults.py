"""What makes zones of a keyboard impossible. A module of its own: presets and the screen ask this without the session."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from companion.errors import UsageError
from companion.music.units import pitch_name
from companion.session.api.settings import ChordZone, Zone


def check_key_zones(zones: Sequence[Zone], chord_zones: Sequence[ChordZone] = ()) -> None:
    """Raise UsageError if a zone holds no note, or if a note could belong to two zones or to a chord zone too."""
    for zone in zones:
        if not (0 <= zone.low <= zone.high <= 127 and 1 <= zone.velocity_low <= zone.velocity_high <= 127):
            raise UsageError(f"zone {zone.name}: the lower end of a range comes first")
        if zone.controls and zone.track is not None:
            raise UsageError(f"zone {zone.name}: a zone of controls plays no part")
    for one, other in combinations(zones, 2):
        if one.name == other.name:
            raise UsageError(f"two zones are named {one.name}")
        apart = one.channel is not None and other.channel is not None and one.channel != other.channel
        loud = one.velocity_low <= other.velocity_high and other.velocity_low <= one.velocity_high
        if not apart and loud and _meet(one, other):
            raise UsageError(
                f"zones {one.name} and {other.name} overlap in keys {_common(one, other)}: "
                "give them other keys, velocities or channels"
            )
    for zone in zones:
        for chords in chord_zones:
            if _meet(zone, chords):
                raise UsageError(f"zone {zone.name} and the chord zone overlap in keys {_common(zone, chords)}")


def _meet(one: Zone, other: Zone | ChordZone) -> bool:
    """Whether a key can be in both."""
    a, b = one.port.lower(), other.port.lower()
    return (a in b or b in a) and one.low <= other.high and other.low <= one.high


def _common(one: Zone, other: Zone | ChordZone) -> str:
    low, high = max(one.low, other.low), min(one.high, other.high)
    return f"{low}-{high} ({pitch_name(low)} to {pitch_name(high)})"
