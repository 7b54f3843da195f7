"""The lanes: one piano roll a track, history and plan side by side."""
