"""The commands that play, or join in a performance."""
