"""Starting, counting in, playing, resting: what the music does as a whole."""
