"""Screens that choose one thing out of many: ports, checkpoint and window, instrument, preset, foot-switch action."""
