"""Clocks that are shared with other programs, and reach the session as MIDI clock messages."""
