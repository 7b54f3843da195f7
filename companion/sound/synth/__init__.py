"""Plays tones as music: voices, channels, a room and a limiter, in blocks of frames."""
