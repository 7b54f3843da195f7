"""Scores, meters, units and grids: pure values, no input or output."""

from companion.music.meter import TimeSignature
from companion.music.score import Bar, Note, Score, Track

__all__ = ["Bar", "Note", "Score", "TimeSignature", "Track"]
