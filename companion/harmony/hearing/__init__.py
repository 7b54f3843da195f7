"""Infers chords from notes: the evidence in a stretch of a bar, and how well each chord explains it. Pure."""
