"""Handles what the players play: routing, capture, and recognition of the form."""
