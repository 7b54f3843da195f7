"""Standard MIDI Files: every event of a file kept, and the songs that files hold read and written back."""
