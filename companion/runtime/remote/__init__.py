"""Controlling a running performance from elsewhere: other programs by OSC, other screens by a socket."""
