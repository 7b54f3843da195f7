"""What notes say about chords: evidence in a stretch of a bar, and how well each chord explains it. Pure."""
