"""How loud the band plays, from its intensity and the player's own loudness. Pure; notes and bars are passed in.

The player's loudness is the mean velocity of the recent notes. A bar counts half as much as the bar after it, so the band
follows within two bars.
"""

from __future__ import annotations

from dataclasses import dataclass

USUAL_VELOCITY = 80.0
SOFTEST, LOUDEST = 0.45, 1.5  # factors of loudness
MEMORY_BARS = 1.0  # notes from this many bars ago count half
NEUTRAL_INTENSITY = 50
SPARE_PARTS_BELOW = 25  # below this intensity, parts other than bass and drums rest
DENSITY_STEPS = 3  # levels of note density between neutral and either end


@dataclass(slots=True)
class PlayerLoudness:
    """A running mean of velocities with weights that decay bar by bar."""

    weight: float = 0.0
    velocity: float = USUAL_VELOCITY

    def heard(self, velocity: int) -> None:
        """Take in the velocity of a played note, 1-127."""
        self.weight += 1.0
        self.velocity += (velocity - self.velocity) / self.weight

    def bar_passed(self) -> None:
        """Halve the weight of earlier notes, because a bar has passed."""
        self.weight *= 0.5 ** (1 / MEMORY_BARS)


def loudness(intensity: int, depth: float, player: PlayerLoudness, soft: bool) -> float:
    """Return the factor for our velocities, from intensity (0-100), how far the player is followed (0-1), and another's solo."""
    of_intensity = 1.0 + 0.6 * (intensity - NEUTRAL_INTENSITY) / 100
    of_player = 1.0 + depth * (player.velocity / USUAL_VELOCITY - 1.0)
    factor = of_intensity * of_player * (0.75 if soft else 1.0)
    return min(LOUDEST, max(SOFTEST, factor))


def density_shift(intensity: int) -> int:
    """Return the levels of note density to add to a part's own."""
    return round(DENSITY_STEPS * (intensity - NEUTRAL_INTENSITY) / 50)
