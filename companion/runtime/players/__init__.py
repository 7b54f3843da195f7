"""Performances without hardware: recorded players, and simulated time."""
