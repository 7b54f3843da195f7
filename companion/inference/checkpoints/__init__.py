"""Checkpoint files: finding them by name, reading them without trusting them, and listing what they can do."""
