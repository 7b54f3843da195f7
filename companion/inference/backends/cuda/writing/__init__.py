"""Writing on the device: grammar, steering, draw, and the desk on which bars are written."""
