"""The music that is trained on: which files, read once, with their chords."""
