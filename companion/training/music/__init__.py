"""The training music: the choice of files, their cached content, and their chords."""
