"""Checkpoint files: read without trusting them, named, found, and asked what they can do."""
