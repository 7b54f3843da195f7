"""What is made of a log that music can be heard or read from: MIDI files, takes, sound."""
