"""Sound without a synthesizer: instruments and drums made by code, an offline renderer, players for audio devices."""
