"""The companion in a live session over several choruses, with chords that it can only hear or expect."""
