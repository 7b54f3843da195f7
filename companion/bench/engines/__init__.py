"""Engines side by side: what is measured, on what, and what bounds it."""
