"""Rewrites the rest of the sounding bar where the player contradicts it."""
