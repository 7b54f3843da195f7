"""Chords as musicians name them: symbols, spelling, voicing. Pure."""
