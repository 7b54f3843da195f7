"""The zones of the keyboard beside the part that each plays. Pure."""

from __future__ import annotations

from companion.music.units import pitch_name
from companion.session.api.snapshot import LaneView, Snapshot


def zone_words(snapshot: Snapshot, lane: LaneView) -> str:
    """The zones of the keyboard that play a part, short: "C2–B3 +12"; zones of controls stand with the player's first part."""
    first = next((other.index for other in snapshot.lanes if other.role == "human"), None)
    found = []
    for zone in snapshot.zones:
        if (first if zone.track is None else zone.track) != lane.index:
            continue
        words = f"{pitch_name(zone.low)}–{pitch_name(zone.high)}"
        if (zone.velocity_low, zone.velocity_high) != (1, 127):
            words += f" vel {zone.velocity_low}–{zone.velocity_high}"
        if zone.channel is not None and (zone.low, zone.high) == (0, 127):
            words = f"from ch{zone.channel + 1}"
        words += f" {zone.transpose:+d}" if zone.transpose else ""
        found.append(f"controls {words}" if zone.controls else words)
    return ", ".join(found)
