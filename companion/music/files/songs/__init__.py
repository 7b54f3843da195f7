"""Songs made of a MIDI file's events, and written back into them."""
