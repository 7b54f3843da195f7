"""How loud the band plays: its intensity, and the player's own loudness. Pure, told of notes and bars.

The player's loudness is the mean velocity of what was played lately, weighted so that a bar counts half of the bar after it: the band
has followed within two bars.
"""

from __future__ import annotations

from dataclasses import dataclass

USUAL_VELOCITY = 80.0
SOFTEST, LOUDEST = 0.45, 1.5  # factors of loudness
MEMORY_BARS = 1.0  # what was played so many bars ago counts half
NEUTRAL_INTENSITY = 50
SPARE_PARTS_BELOW = 25  # below this intensity, parts other than bass and drums rest
DENSITY_STEPS = 3  # levels of note density between neutral and either end


@dataclass(slots=True)
class PlayerLoudness:
    """A running mean of velocities that forgets with the bars."""

    weight: float = 0.0
    velocity: float = USUAL_VELOCITY

    def heard(self, velocity: int) -> None:
        """A note was played, 1-127."""
        self.weight += 1.0
        self.velocity += (velocity - self.velocity) / self.weight

    def bar_passed(self) -> None:
        """What was played before counts half."""
        self.weight *= 0.5 ** (1 / MEMORY_BARS)


def loudness(intensity: int, depth: float, player: PlayerLoudness, soft: bool) -> float:
    """The factor for our velocities: intensity 0-100, how far the player is followed (0-1), and whether somebody else has a solo."""
    of_intensity = 1.0 + 0.6 * (intensity - NEUTRAL_INTENSITY) / 100
    of_player = 1.0 + depth * (player.velocity / USUAL_VELOCITY - 1.0)
    factor = of_intensity * of_player * (0.75 if soft else 1.0)
    return min(LOUDEST, max(SOFTEST, factor))


def density_shift(intensity: int) -> int:
    """Levels of note density to add to what a part has."""
    return round(DENSITY_STEPS * (intensity - NEUTRAL_INTENSITY) / 50)
