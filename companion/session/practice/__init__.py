"""Practising with a song: loops, passes, judging."""
