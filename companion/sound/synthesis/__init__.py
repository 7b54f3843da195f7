"""Computes the sound of each instrument from partials, filtered noise and periods, and maps programs to recipes."""
