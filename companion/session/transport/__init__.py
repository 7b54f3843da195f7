"""The transport: starting, counting in, playing, resting."""
