"""Real MIDI ports: which are wanted, which exist, and connecting them."""
