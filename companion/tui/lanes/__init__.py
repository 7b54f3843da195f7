"""The lanes: one piano roll for each track, with history and plan side by side."""
