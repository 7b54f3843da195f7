"""What is changed while playing: which commands a key sends, sampling, attributes."""
