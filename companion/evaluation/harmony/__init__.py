"""Measures of harmony: keeping to chords, expecting chords, recognising chords, and reacting to a new key."""
