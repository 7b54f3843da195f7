"""Keeping to chords, expecting them, recognising them, and reacting to a new key."""
