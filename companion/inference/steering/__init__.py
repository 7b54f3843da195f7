"""Pushes on the logits while a bar is written: dials, harmony, variety."""
