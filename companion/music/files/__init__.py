"""Standard MIDI Files: keeps every event of a file, and reads and writes the songs in them."""
