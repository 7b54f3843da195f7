"""The stage view: place, chords and calls in letters that can be read from a metre away."""
