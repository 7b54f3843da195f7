"""Leads the band: calls that take effect at musical places, intensity, and loudness that follows the player."""
