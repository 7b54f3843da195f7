"""The commands that measure or examine."""
