"""Clocks, and where bars lie."""
