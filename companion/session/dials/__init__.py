"""Knobs, pedals and wheels that turn dials."""
