"""Real-time use: windows follow each other on warm caches, and are prefilled while the music is still being played."""

from companion.inference.live.infill import LiveInfill
from companion.inference.live.job import LiveJob, LiveResult, LiveTake

__all__ = ["LiveInfill", "LiveJob", "LiveResult", "LiveTake"]
