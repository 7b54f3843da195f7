"""Screens that choose one of many things: ports, checkpoint and window, instrument, preset, foot-switch action."""
