"""Rewrites the rest of the sounding bar when the player contradicts it."""
