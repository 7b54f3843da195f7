"""companion: a real-time MIDI performance companion."""

import os

from companion.privacy import switch_off_telemetry

__version__ = "0.1.0"

# Before any other module of ours, and so before any library that one of them imports.
switch_off_telemetry(os.environ)
