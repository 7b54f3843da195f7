"""Calls on one row: which key calls what, and what is under way."""
