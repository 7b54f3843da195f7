"""The log of a performance, and everything made from it: MIDI files, takes, replays."""
