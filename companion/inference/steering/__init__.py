"""Steering: pushes on the logits while a bar is written, for the dials, harmony and variety."""
