"""Measures of the bars that a checkpoint writes, and of its tokens."""
