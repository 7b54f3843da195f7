"""Clocks, and the positions of bars."""
